#!/usr/bin/env node
/** The command line: runs a command, and says how it ended. */
import { type Command, CommanderError } from 'commander'
import { CommandError, explain, explainAsJson, FAILED, isBrokenPipe, MISUSED, unwritable } from './failure.js'
import { makeProgram } from './program.js'

// Whoever reads our output may have seen enough (`list-keys | head -1`): no reason for a stack.
let lastOutputError: unknown
process.stdout.on('error', (error) => {
  lastOutputError = error
  process.exitCode = FAILED
  if (!isBrokenPipe(error)) process.stderr.write(`error: ${unwritable('The output', error).message}\n`)
})

let running: Command | undefined
const program = (await makeProgram(process.argv[2])).hook(
  'preAction',
  (_, command) => void (running = command),
)

try {
  await program.parseAsync()
} catch (error) {
  process.exitCode = exitCodeOf(error)
  if (!(error instanceof CommanderError || error === lastOutputError || isBrokenPipe(error))) {
    const asJson: boolean = running?.opts().json ?? false
    const said = asJson ? JSON.stringify(explainAsJson(error)) : `error: ${explain(error)}`
    process.stderr.write(`${said}\n`)
  }
}

function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : MISUSED
  return error instanceof CommandError ? error.exitCode : FAILED
}
