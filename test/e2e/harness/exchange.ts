import { connect } from 'node:net'

export type Address = { readonly port: number; readonly host?: string } | { readonly path: string }

/** Sends `request`, resolves to all that comes back until `isWhole` or the end. Rejects with the connection's error. */
export function exchange(
  address: Address,
  request: string,
  isWhole: (answer: string) => boolean = () => false,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect('path' in address ? address : { host: '127.0.0.1', ...address })
    let answer = ''
    socket.setTimeout(10_000, () => socket.destroy(new Error(`no answer within 10 s; so far: ${answer}`)))
    socket.on('connect', () => socket.write(request))
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1')
      if (isWhole(answer)) socket.end()
    })
    socket.on('error', reject)
    socket.on('close', (hadError) => {
      if (!hadError) resolve(answer)
    })
  })
}

/** The body of `GET path`, over a connection of its own. */
export async function get(address: Address, path = '/'): Promise<string> {
  const answer = await exchange(address, `GET ${path} HTTP/1.0\r\nHost: localhost\r\n\r\n`)
  return answer.slice(answer.indexOf('\r\n\r\n') + 4)
}
