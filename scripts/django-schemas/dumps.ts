/** The dumps that there are, and how each is made. */

export interface Dump {
  /** Its name, without `.sql`. */
  file: string
  of: string
  /** Debian's suites whose Django makes it; where there are several, all must make the same. */
  suites: string[]
  /** For `dump.py`. */
  options: string[]
  /** What was made otherwise than the Django that ran would have it, and where that is known from. */
  derived: string[]
}

const BULLSEYE = ['bullseye']
const BOOKWORM = ['bookworm']

export const DUMPS: readonly Dump[] = [
  {
    file: '2.0',
    of: 'Django 2.0',
    suites: BULLSEYE,
    options: ['--before', 'auth.0010', 'admin.0003', 'authtoken.0003', '--no-view-permission'],
    derived: [
      'Left out, as later: the migrations from auth.0010 (Django 2.2), admin.0003 (2.1) and authtoken.0003 (Django REST',
      'Framework 3.12) on, and the "view" permissions (releases/2.1.txt). Other migrations of 2.0.5 read the same.',
    ],
  },
  {
    file: '2.1',
    of: 'Django 2.1',
    suites: BULLSEYE,
    options: ['--before', 'auth.0010', 'authtoken.0003'],
    derived: [
      'Left out, as later: the migrations from auth.0010 (releases/2.2.txt, "Group.name max_length") and authtoken.0003',
      '(Django REST Framework 3.12) on.',
    ],
  },
  {
    file: '2.2-3.0',
    of: 'Django 2.2 and 3.0',
    suites: BULLSEYE,
    options: [],
    derived: ['3.0 brought no migration: auth.0012 came with 3.1 (releases/3.0.txt, 3.1.txt).'],
  },
  {
    file: '3.1',
    of: 'Django 3.1',
    suites: BOOKWORM,
    options: ['--auto-field', 'AutoField'],
    derived: [
      'Made otherwise: DEFAULT_AUTO_FIELD is AutoField, since 3.1 knew no other (releases/3.2.txt). A project that was',
      'upgraded from 3.1 or before keeps these columns.',
    ],
  },
  {
    file: '3.2-4.0',
    of: 'Django 3.2 and 4.0',
    suites: BOOKWORM,
    options: [],
    derived: [
      'With the DEFAULT_AUTO_FIELD of startproject. 4.0 brought no migration, and its ids are serial: identity columns came',
      'with 4.1 (releases/4.1.txt).',
    ],
  },
  {
    file: '4.1-5.2',
    of: 'Django 4.1 to 5.2',
    suites: ['trixie', 'sid'],
    options: [],
    derived: ['4.1 brought the identity columns (releases/4.1.txt), and no migration came since.'],
  },
  {
    file: 'custom-user',
    of: 'A project with AUTH_USER_MODEL=accounts.User on Django 3.2',
    suites: BOOKWORM,
    options: ['--user-model', 'accounts.User'],
    derived: ['The model, with a BigAutoField, is in `scripts/django-schemas/accounts/`.'],
  },
]
