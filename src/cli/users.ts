/** `user-admin users`: the directory over HTTP, so that the caller's rights, the rules and the audit trail hold. */
import { Command } from 'commander'
import { listCommand } from './users/list.js'
import { showCommand } from './users/show.js'
import { updateCommand } from './users/update.js'

const CONNECTING = `
These commands ask a service that runs. Where it is says --url or USER_ADMIN_URL; by default it is where the settings HOST,
PORT and PREFIX have it. The API key is in the file --key-file or in USER_ADMIN_KEY; by default, and only for the service of
the settings, it is the one that the first start left in DATA_DIR.`

export const usersCommand = () =>
  new Command('users')
    .description('Finds, shows and changes users, through a service that runs.')
    .addHelpText('after', CONNECTING)
    .addCommand(listCommand())
    .addCommand(showCommand())
    .addCommand(updateCommand())
