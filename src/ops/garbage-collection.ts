/** How V8 collects what requests leave behind. */
import { setFlagsFromString } from 'node:v8'

/**
 * Has V8 make all objects in the young generation, where most of them are collected. By itself it comes to make those of some places in
 * the code in the old one, where they stay until all of that is collected, and so does whatever they point to: a burst of requests
 * that wait for the same batch looks as if its objects lived long (0035).
 * It holds for the whole process, so it is for one that is the service's own. Call it before there is load.
 */
export const makeAllYoung = (): void => setFlagsFromString('--no-allocation-site-pretenuring')
