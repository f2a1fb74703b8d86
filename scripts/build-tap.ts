/**
 * Builds tap with the plugins of `.taprc`, where it is not: it would ask the registry for them itself, though they are installed, by a
 * client that knows none of npm's settings.
 */
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { TapConfig } from '@tapjs/config'
import { signature } from '@tapjs/test'

const config = await TapConfig.load()
if (config.pluginSignature !== signature) {
  const build = fileURLToPath(import.meta.resolve('@tapjs/test/generate-tap-test-class'))
  execFileSync(process.execPath, [build, ...config.pluginList], { stdio: 'inherit' })
}
