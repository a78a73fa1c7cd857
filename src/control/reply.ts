// The three ways to answer: JSON at once, a JSON array piece by piece, server-sent events.
import type { ServerResponse } from 'node:http'
import type { ErrorDetail } from '../errors/holdfast-error.ts'
import { HoldfastError } from '../errors/holdfast-error.ts'

/** What an error looks like on the wire; `detail` lets the client build the same HoldfastError again. */
export interface ErrorBody {
  readonly code: string
  readonly message: string
  readonly hint: string
  readonly detail: ErrorDetail
}

export function errorBody(error: unknown): ErrorBody & { http: number } {
  const known =
    error instanceof HoldfastError
      ? error
      : new HoldfastError(
          'HF_INTERNAL',
          { problem: error instanceof Error ? error.message : String(error) },
          { cause: error },
        )
  return { code: known.code, message: known.message, hint: known.hint, detail: known.detail, http: known.http }
}

export function sendJson(response: ServerResponse, status: number, value: unknown): void {
  sendText(response, status, `${JSON.stringify(value)}\n`)
}

export function sendText(response: ServerResponse, status: number, text: string | Buffer): void {
  if (response.headersSent || response.destroyed) return
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) })
  response.end(text)
}

export function sendError(response: ServerResponse, error: unknown): void {
  const { http, ...body } = errorBody(error)
  sendJson(response, http, body)
}

/** A JSON array that is never whole in memory. Ends early, without the closing bracket, when the client is gone. */
export async function sendJsonArray(response: ServerResponse, items: AsyncIterable<unknown>): Promise<void> {
  let separator = '['
  for await (const item of items) {
    if (separator === '[') response.writeHead(200, { 'content-type': 'application/json' })
    const text = separator + JSON.stringify(item)
    separator = ',\n'
    if (!response.write(text)) await drained(response)
    if (response.destroyed) return
  }
  if (separator === '[') sendText(response, 200, '[]\n')
  else response.end(']\n')
}

/** Resolves when the client has read on, or is gone. */
export function drained(response: ServerResponse): Promise<void> {
  if (response.destroyed || !response.writableNeedDrain) return Promise.resolve()
  return new Promise((resolve) => {
    const done = () => {
      response.off('drain', done)
      response.off('close', done)
      resolve()
    }
    response.on('drain', done)
    response.on('close', done)
  })
}
