/** fast-check, with the seed of the tests. A failure prints the one that it was found with. */
import fc from 'fast-check'
import { seed } from './seed.js'

fc.configureGlobal({ ...fc.readConfigureGlobal(), seed })

export default fc
