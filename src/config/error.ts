/** Settings that can't be used, all of them at once. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}
