/** `user-admin completion`: what a shell runs so that the Tab key completes commands, and what that asks. */
import { Argument, Command } from 'commander'
import { candidatesFor } from './completion/candidates.js'
import { SCRIPTS, type Shell } from './completion/scripts.js'

const HELP = `
  bash  eval "$(user-admin completion bash)"            in ~/.bashrc
  zsh   eval "$(user-admin completion zsh)"             in ~/.zshrc, after compinit
  fish  user-admin completion fish > ~/.config/fish/completions/user-admin.fish`

export const completionCommand = () =>
  new Command('completion')
    .description('Prints a script that makes a shell complete commands, options and their values.')
    .addArgument(new Argument('<shell>', 'which one').choices(Object.keys(SCRIPTS)))
    .addHelpText('after', HELP)
    .action((shell: Shell) => void process.stdout.write(SCRIPTS[shell]))

/** What the scripts run: prints what the last word may become, each with a tab and what it is. */
export const completeCommand = (program: Command) =>
  new Command('complete').argument('[words...]').action((words: string[]) => {
    const lines = candidatesFor(program, words).map(({ value, description }) => `${value}\t${description}\n`)
    process.stdout.write(lines.join(''))
  })
