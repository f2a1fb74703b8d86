/** A real OpenID provider on a free port, and tokens of its own and of forgers. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose'
import Provider from 'oidc-provider'

const CLIENT = { id: 'directory-sync', secret: 'a secret of the tests, 40 characters long' }
export const AUDIENCE = 'urn:user-admin'

export interface IdentityProvider {
  issuer: string
  jwksUrl: string
  /** The settings under which a service takes its tokens. */
  settings: { JWT_JWKS_URL: string; JWT_ISSUER: string; JWT_AUDIENCE: string }
  /** By the client credentials grant (RFC 6749 §4.4). */
  clientToken(scope: string): Promise<string>
  /** Signed by the provider's own key, with any claims. */
  sign(claims: JWTPayload, header?: { alg?: string; kid?: string; typ?: string }): Promise<string>
  /** Its public key, as anyone can read it. */
  publicKey: Record<string, unknown>
  /** How often its keys were asked for. */
  keysRead(): number
  /** The traces that it was asked for them in. */
  traceparents(): (string | undefined)[]
  /** Ends answering, and begins again at the same address. */
  stop(): Promise<void>
  resume(): Promise<void>
}

/** Runs until `t` is over. */
export async function startIdentityProvider(t: {
  teardown(fn: () => unknown): unknown
}): Promise<IdentityProvider> {
  const { publicKey, privateKey } = await generateKeyPair('RS256', { extractable: true })
  const kid = 'key-1'
  const server = createServer()
  await listen(server, 0)
  const { port } = server.address() as AddressInfo
  const issuer = `http://127.0.0.1:${port}`
  const jwk = { ...(await exportJWK(privateKey)), kid, alg: 'RS256', use: 'sig' }
  const handle = makeProvider(issuer, jwk).callback()
  const reads: (string | undefined)[] = []
  server.on('request', (request, response) => {
    if (request.url === '/jwks') reads.push(request.headers.traceparent as string | undefined)
    void handle(request, response)
  })
  t.teardown(() => close(server))
  const claims = { iss: issuer, aud: AUDIENCE, sub: 'someone' }
  return {
    issuer,
    jwksUrl: `${issuer}/jwks`,
    settings: { JWT_JWKS_URL: `${issuer}/jwks`, JWT_ISSUER: issuer, JWT_AUDIENCE: AUDIENCE },
    clientToken: (scope) => requestToken(issuer, scope),
    sign: (own, header = {}) =>
      new SignJWT({ ...claims, exp: Math.floor(Date.now() / 1_000) + 3_600, ...own })
        .setProtectedHeader({ alg: 'RS256', kid, ...header })
        .sign(privateKey),
    publicKey: { ...(await exportJWK(publicKey)), kid },
    keysRead: () => reads.length,
    traceparents: () => reads,
    stop: () => close(server),
    resume: () => listen(server, port),
  }
}

function makeProvider(issuer: string, jwk: object): Provider {
  // It says at length that it is meant for more than tests.
  const { warn, info } = console
  Object.assign(console, { warn: () => {}, info: () => {} })
  try {
    return new Provider(issuer, {
      jwks: { keys: [jwk as never] },
      clients: [
        {
          client_id: CLIENT.id,
          client_secret: CLIENT.secret,
          grant_types: ['client_credentials'],
          redirect_uris: [],
          response_types: [],
        },
      ],
      scopes: ['directory.read', 'directory.write', 'other'],
      ttl: { ClientCredentials: 60 },
      features: {
        devInteractions: { enabled: false },
        clientCredentials: { enabled: true },
        resourceIndicators: {
          enabled: true,
          defaultResource: () => AUDIENCE,
          useGrantedResource: () => true,
          getResourceServerInfo: () => ({
            scope: 'directory.read directory.write other',
            audience: AUDIENCE,
            accessTokenFormat: 'jwt',
            accessTokenTTL: 60,
          }),
        },
      },
    })
  } finally {
    Object.assign(console, { warn, info })
  }
}

async function requestToken(issuer: string, scope: string): Promise<string> {
  const response = await fetch(`${issuer}/token`, {
    method: 'POST',
    headers: {
      authorization: `Basic ${Buffer.from(`${CLIENT.id}:${encodeURIComponent(CLIENT.secret)}`).toString('base64')}`,
      'content-type': 'application/x-www-form-urlencoded',
    },
    body: new URLSearchParams({ grant_type: 'client_credentials', scope }),
  })
  const body = (await response.json()) as { access_token?: string }
  if (body.access_token === undefined) throw new Error(`no token: ${JSON.stringify(body)}`)
  return body.access_token
}

const listen = (server: Server, port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject)
      resolve()
    })
  })

const close = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
