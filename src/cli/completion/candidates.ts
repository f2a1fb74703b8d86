/** What a word on the command line may become, by the commands themselves. */
import { type Command, Help, type Option } from 'commander'

export interface Candidate {
  value: string
  description: string
}

const help = new Help()

/** @param words those after `user-admin`; the last is the one that is being typed, and may be empty */
export function candidatesFor(program: Command, words: readonly string[]): Candidate[] {
  const { command, option, position } = readWords(program, words.slice(0, -1))
  // bash takes `--name=value` apart.
  const typed = words.at(-1) === '=' ? '' : (words.at(-1) ?? '')
  return possible(command, option, position, typed).filter(({ value }) => value.startsWith(typed))
}

function possible(
  command: Command,
  option: Option | undefined,
  position: number,
  typed: string,
): Candidate[] {
  if (option !== undefined) return choicesOf(option)
  const [flag = ''] = typed.split('=')
  const given = flag === typed ? undefined : findOption(command, flag)
  if (given !== undefined)
    return choicesOf(given).map((choice) => ({ ...choice, value: `${flag}=${choice.value}` }))
  if (typed.startsWith('-')) return optionsOf(command)
  const commands = help.visibleCommands(command)
  const { registeredArguments: all } = command
  const argument = all[position] ?? (all.at(-1)?.variadic ? all.at(-1) : undefined)
  return [
    ...commands.map((child) => ({ value: child.name(), description: help.subcommandDescription(child) })),
    ...(argument === undefined ? [] : choicesOf(argument)),
  ]
}

/** What stands before the word that is typed: the command, an option that waits for its value, and how many arguments. */
function readWords(program: Command, words: readonly string[]) {
  let command = program
  let option: Option | undefined
  let position = 0
  for (const word of words) {
    if (word === '=') continue
    if (option !== undefined) {
      option = undefined
    } else if (word.startsWith('-')) {
      const found = findOption(command, word)
      option = found?.required ? found : undefined
    } else {
      const child = command.commands.find((one) => one.name() === word)
      position = child === undefined ? position + 1 : 0
      command = child ?? command
    }
  }
  return { command, option, position }
}

const findOption = (command: Command, flag: string): Option | undefined =>
  command.options.find(({ long, short }) => flag === long || flag === short)

const optionsOf = (command: Command): Candidate[] =>
  help
    .visibleOptions(command)
    .flatMap(({ long, description }) => (long ? [{ value: long, description }] : []))

const choicesOf = ({ argChoices = [], description }: { argChoices?: string[]; description: string }) =>
  argChoices.map((value) => ({ value, description }))
