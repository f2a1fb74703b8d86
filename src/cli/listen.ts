/** Listening, and what it means to the operator that it does not work. */
import type { Config } from '../config.js'
import type { Service } from '../server.js'
import { CommandError } from './failure.js'

/** @throws CommandError where the address can't be had */
export async function listen(service: Service, config: Config): Promise<string> {
  try {
    return await service.listen()
  } catch (error) {
    const reason = reasonOf(error as NodeJS.ErrnoException, config)
    throw reason === undefined ? error : new CommandError(reason, { cause: error })
  }
}

function reasonOf({ code }: NodeJS.ErrnoException, { HOST, PORT }: Config): string | undefined {
  switch (code) {
    case 'EADDRINUSE':
      return `Port ${PORT} of ${HOST} is in use. Stop what listens there, or set PORT to another one (0 takes a free one).`
    case 'EACCES':
      return `User id ${process.getuid?.()} may not listen on port ${PORT}. Set PORT to one from 1024.`
    case 'EADDRNOTAVAIL':
    case 'EAI_AGAIN':
    case 'ENOTFOUND':
      return `${HOST} is no address of this machine. Set HOST to 127.0.0.1 (this machine alone) or 0.0.0.0 (every network).`
    default:
      return undefined
  }
}
