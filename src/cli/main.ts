#!/usr/bin/env node
import { readConfig } from '../config.js'
import { start } from './start.js'
await start(readConfig())
