/** Departures in what servers and versions decide, and in what answers hold beside. */
import type { Departure } from './departures.js'

const DRF = '0003-departures-from-drf.md'

export const SERVERS: Departure[] = [
  {
    rule: [DRF, 'Letters are those of the Unicode version'],
    status: 200,
    only: ['status', 'username', 'fields'],
    cases: ['username: CJK extension H, Unicode 15'],
  },
  {
    rule: [DRF, 'An integer of more than 4,300 digits'],
    status: 400,
    cases: ['integer of 4301 digits in an unknown field'],
  },
  {
    rule: [DRF, '`OPTIONS` describes the fields'],
    status: 200,
    only: ['kind', 'body'],
    cases: ['OPTIONS one', 'OPTIONS list', 'OPTIONS one as ned'],
  },
  {
    rule: [DRF, 'An answer has the members'],
    status: 200,
    only: ['events', 'me'],
    cases: ['GET root of the API'],
  },
  {
    rule: [DRF, 'An answer has the members'],
    status: 200,
    only: ['results', 'permission', 'app_label', 'model'],
    cases: ['permissions: list page 7', 'permissions: retrieve 14'],
  },
  {
    rule: [DRF, '`page_size` is ignored'],
    status: 200,
    only: ['results'],
    cases: ['GET list ?page_size=2'],
  },
  {
    rule: [DRF, 'A `Host` that is not in `ALLOWED_HOSTS`'],
    status: 200,
    only: ['status', 'first_name'],
    cases: ['Host with underscore', 'Host empty'],
  },
  {
    rule: [DRF, 'gunicorn takes 8,190 bytes'],
    status: 200,
    only: ['status', 'first_name'],
    cases: ['9000-byte header'],
  },
  {
    rule: [DRF, 'gunicorn takes 8,190 bytes'],
    status: 404,
    cases: ['path id: 5000 nines (longer than the request line may be)'],
  },
  { rule: [DRF, 'Raw bytes beyond ASCII'], status: 400, cases: ['path with raw UTF-8 digit'] },
]
