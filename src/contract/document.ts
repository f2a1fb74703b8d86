/** The published document (OpenAPI 3.1): which answers it promises, and whether a value is what it says. */
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import ajvFormats from 'ajv-formats'

export interface Schema {
  $ref?: string
  type?: string | string[]
  title?: string
  required?: string[]
  properties?: Record<string, Schema>
  items?: Schema
  anyOf?: Schema[]
  enum?: unknown[]
  format?: string
  pattern?: string
  maxLength?: number
  minLength?: number
  additionalProperties?: boolean
  'x-normalize'?: string[]
  [keyword: string]: unknown
}

export interface Parameter {
  name: string
  in: string
  required?: boolean
  schema: Schema
}

export interface Response {
  description: string
  headers?: Record<string, { required?: boolean; schema: Schema }>
  content?: Record<string, { schema: Schema }>
}

export interface Operation {
  operationId: string
  summary?: string
  description?: string
  parameters?: Parameter[]
  requestBody?: { required?: boolean; content: Record<string, { schema: Schema }> }
  responses: Record<string, Response>
  security?: object[]
}

interface OpenApi {
  openapi: string
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, Schema>; securitySchemes: Record<string, object> }
}

export class PublishedDocument {
  readonly #ajv = ajvFormats.default(new Ajv2020({ strict: false, allErrors: true }))
  readonly #validators = new Map<Schema, ValidateFunction>()

  constructor(readonly json: OpenApi) {}

  /** Every operation, with its method in capitals. */
  operations(): { method: string; path: string; operation: Operation }[] {
    return Object.entries(this.json.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({
        method: method.toUpperCase(),
        path,
        operation,
      })),
    )
  }

  /** The path of an operation, such as `/admin/users/{id}/`. */
  pathOf(operationId: string): string {
    const found = this.operations().find(({ operation }) => operation.operationId === operationId)
    if (found === undefined) throw new Error(`The document has no operation ${operationId}`)
    return found.path
  }

  /** The operation that a request is for. Both forms of a URL, with and without a final slash, are served. */
  find(method: string, url: string): Operation | undefined {
    const path = url.split('?', 1)[0]!
    const wanted = method === 'HEAD' ? 'GET' : method
    return this.operations().find((entry) => entry.method === wanted && isPathOf(path, entry.path))?.operation
  }

  schema(name: string): Schema {
    const schema = this.json.components.schemas[name]
    if (schema === undefined) throw new Error(`The document has no schema ${name}`)
    return schema
  }

  /** What is wrong with a value by a schema of the document. */
  violations(schema: Schema, value: unknown): string[] {
    const validate = this.#validators.get(schema) ?? this.#compile(schema)
    if (validate(value)) return []
    return validate.errors!.map(({ instancePath, message }) => `${instancePath || '(all)'} ${message}`)
  }

  #compile(schema: Schema): ValidateFunction {
    // References are relative to the document: so is a schema that has the document's components.
    const validate = this.#ajv.compile({ ...schema, components: this.json.components })
    this.#validators.set(schema, validate)
    return validate
  }
}

function isPathOf(path: string, template: string): boolean {
  const [segments, expected] = [path, template].map((text) => text.replace(/\/$/, '').split('/'))
  if (segments!.length !== expected!.length) return false
  return expected!.every((segment, index) => /^\{\w+\}$/.test(segment) || segment === segments![index])
}
