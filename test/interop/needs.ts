/** What the suite needs of the machine, and what of it is missing. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'

/** A Python with Django: that of the operating system, whose packages `scripts/install-django.sh` installs. */
export const PYTHON = process.env.DJANGO_PYTHON || '/usr/bin/python3'

export const CHROMIUM = process.env.DJANGO_CHROMIUM || '/usr/bin/chromium'

/** The modules that are imported, each by Debian's name of its package. */
const MODULES = {
  django: 'python3-django',
  rest_framework: 'python3-djangorestframework',
  psycopg2: 'python3-psycopg2',
  argon2: 'python3-argon2',
  bcrypt: 'python3-bcrypt',
  gunicorn: 'gunicorn',
} as const

const TRY_ALL = `
import importlib, sys
for name in sys.argv[1:]:
    try: importlib.import_module(name)
    except ImportError: print(name)
`

/** Debian's names of the packages without which nothing can be tested. */
export function missingPackages(): string[] {
  const names = Object.keys(MODULES) as (keyof typeof MODULES)[]
  const { status, stdout } = spawnSync(PYTHON, ['-c', TRY_ALL, ...names], { encoding: 'utf8' })
  const missing = status === 0 ? stdout.split('\n') : names
  return names.filter((name) => missing.includes(name)).map((name) => MODULES[name])
}

export const hasChromium = (): boolean => existsSync(CHROMIUM)
