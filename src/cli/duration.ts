/** A time that something takes, for people: `0:07`, `12:30`, `1:02:03`. */
export function duration(seconds: number): string {
  const whole = Math.ceil(seconds)
  const parts = [Math.floor(whole / 3_600), Math.floor(whole / 60) % 60, whole % 60]
  const [hours, ...rest] = parts.map((part) => String(part).padStart(2, '0')) as [string, string, string]
  const text = parts[0] === 0 ? rest.join(':') : [hours, ...rest].join(':')
  return text.replace(/^0(?=\d)/, '')
}
