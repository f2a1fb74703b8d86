import { FormatQuery, ref } from '../../../schemas/index.js'
import type { Context } from '../context.js'
import { urlWith } from '../listing.js'
import { answer, defineRoute, problemAnswers } from '../route.js'

/** `GET /`: where everything is, as Django REST Framework's root answers it. */
export const listResources = (context: Context) =>
  defineRoute({
    schema: {
      operationId: 'listResources',
      tags: ['documentation'],
      summary: 'List Resources',
      description: 'The URLs of all lists.',
      querystring: FormatQuery,
      response: {
        200: answer('The URLs.', ref(context.contract.Resources)),
        ...problemAnswers(['invalid']),
      },
    },

    handler: (request) => {
      const root = urlWith(request, { format: null }).replace(/\/?$/, '/')
      return Object.fromEntries(
        Object.keys(context.contract.Resources.properties).map((name) => [name, `${root}${name}/`]),
      )
    },
  })
