/** Completion: what a word may become, and that the shells ask for it. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmod, writeFile } from 'node:fs/promises'
import path from 'node:path'
import t, { type Test } from 'tap'
import { candidatesFor } from '../../src/cli/completion/candidates.js'
import { SCRIPTS, type Shell } from '../../src/cli/completion/scripts.js'
import { quote } from '../../src/cli/names.js'
import { makeProgram } from '../../src/cli/program.js'
import { folder, PROGRAM, run } from '../helpers/cli.js'

const program = await makeProgram()
const valuesOf = (...words: string[]) => candidatesFor(program, words).map(({ value }) => value)

t.test('commands, options and their values', async (t) => {
  t.same(
    valuesOf(''),
    program.commands
      .map((command) => command.name())
      .filter((name) => name !== 'complete')
      .concat('help'),
  )
  t.same(valuesOf('list'), ['list-keys'])
  t.same(valuesOf('users', ''), ['list', 'show', 'update', 'help'])
  t.same(valuesOf('users', 'list', '--is-s'), ['--is-staff', '--is-superuser'])
  t.same(valuesOf('users', 'list', '--is-staff', ''), ['true', 'false'])
  t.same(valuesOf('users', 'list', '--is-staff', 't'), ['true'])
  t.same(valuesOf('users', 'list', '--is-staff=f'), ['--is-staff=false'])
  t.same(valuesOf('users', 'list', '--is-staff', '=', 'f'), ['false'], 'as bash takes it apart')
  t.same(valuesOf('users', 'list', '--is-staff', '='), ['true', 'false'])
  t.same(valuesOf('users', 'list', '--search', 'list', '--json', '--lim'), ['--limit'])
  t.same(valuesOf('users', 'update', 'ada', 'is_s'), ['is_superuser=', 'is_staff='])
  t.same(valuesOf('users', 'update', 'ada', 'email=x', 'last'), ['last_login=', 'last_name='])
  t.same(valuesOf('users', 'show', ''), [], 'then the shell completes names of files')
  t.same(valuesOf('completion', ''), Object.keys(SCRIPTS))
  t.same(valuesOf('nonsense', '--nonsense', ''), valuesOf(''))
})

/** A folder with a `user-admin`, and with the script that completes it. */
async function installed(t: Test, shell: Shell) {
  const bin = await folder(t)
  const command = path.join(bin, 'user-admin')
  await writeFile(command, `#!/bin/sh\nexec ${PROGRAM.map(quote).join(' ')} "$@"\n`)
  await chmod(command, 0o755)
  const script = path.join(bin, 'script')
  const { status, stdout } = await run(['completion', shell], {})
  t.equal(status, 0)
  await writeFile(script, stdout)
  return { script, env: { PATH: `${bin}:${process.env.PATH}`, HOME: bin, TERM: 'dumb' }, cwd: bin }
}

const needs = (shell: Shell) => ({
  skip: spawnSync(shell, ['--version']).status === 0 ? false : `there is no ${shell} here`,
})

async function runShell(shell: Shell, options: object, lines: string): Promise<string> {
  const child = spawn(shell, shell === 'zsh' ? ['-f', '-c', lines] : ['-c', lines], options)
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)))
  await once(child, 'close')
  return output
}

t.test('bash asks', needs('bash'), async (t) => {
  const { script, ...options } = await installed(t, 'bash')
  const complete = (...words: string[]) =>
    runShell(
      'bash',
      options,
      `source ${script}
       compopt() { printf '%s %s ' "$1" "$2"; }
       COMP_WORDS=(user-admin ${words.map(quote).join(' ')})
       COMP_CWORD=${words.length}
       $(complete -p user-admin | sed 's/.*-F //; s/ .*//')
       echo "\${COMPREPLY[*]}"`,
    )
  t.equal(await complete('users', ''), 'list show update help\n')
  t.equal(await complete('users', 'update', 'ada', 'first'), '-o nospace first_name=\n')
  const file = path.join(options.cwd, 'made')
  t.equal(await complete('users', 'list', `$(touch ${file})`, '--is-staff', 't'), 'true\n')
  t.equal(spawnSync('ls', [file]).status, 2, 'what is typed is not evaluated')
})

t.test('fish asks', needs('fish'), async (t) => {
  const { script, ...options } = await installed(t, 'fish')
  const complete = (line: string) =>
    runShell('fish', options, `source ${script}; complete --do-complete ${quote(line)}`)
  t.match(await complete('user-admin us'), /^users\tFinds, shows and changes users/)
  t.match(await complete('user-admin users list --is-staff t'), /^true\t/)
  t.match(await complete('user-admin users list --key-file scr'), 'script')
})

t.test('zsh asks', needs('zsh'), async (t) => {
  const { script, ...options } = await installed(t, 'zsh')
  // On a terminal of its own: what the Tab key makes of the line, once it stands there, is read from the screen.
  const screen = await runShell(
    'zsh',
    options,
    `zmodload zsh/zpty
     zpty shell zsh -f -i
     zpty -w shell 'autoload -Uz compinit; compinit -u -D; source ${script}; print REA''DY'
     zpty -r shell out '*READY*'
     zpty -w -n shell $'user-admin us\\tsho\\t'
     zpty -r shell out '*users*show*'
     zpty -w -n shell $'\\x15user-admin users update 7 is_st\\tx'
     zpty -r shell out '*is_staff=*x*'
     print -r -- "$out"
     zpty -d shell`,
  )
  t.match(screen, 'is_staff=')
})
