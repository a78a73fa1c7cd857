// Clients that notice every lost request.
import { setTimeout as sleep } from 'node:timers/promises'
import { RawHttpClient } from './raw-http-client.ts'

export class HttpLoad {
  readonly failures: string[] = []
  requests = 0
  connections = 0
  running = true
  readonly #port: number

  constructor(port: number) {
    this.#port = port
  }

  /** Requests `gap` apart on one connection, a new one only when the server said `close` or left while it was idle. */
  async keepAliveClient(path: string, gap: number): Promise<void> {
    let client: RawHttpClient | null = null
    while (this.running) {
      try {
        if (client === null || client.ended) client = await this.#connect()
        const answer = await client.get(path)
        if (answer.status !== 200) this.failures.push(`${path}: status ${answer.status}`)
        this.requests++
        if (answer.close) {
          client.close()
          client = null
        }
      } catch (error) {
        this.failures.push(`keep-alive ${path}: ${(error as Error).message}`)
        client = null
      }
      await sleep(gap)
    }
    client?.close()
  }

  async newConnections(gap: number): Promise<void> {
    while (this.running) {
      void this.#once()
      await sleep(gap)
    }
  }

  async #once(): Promise<void> {
    try {
      const client = await this.#connect()
      await client.get()
      this.requests++
      client.close()
    } catch (error) {
      this.failures.push(`new connection: ${(error as Error).message}`)
    }
  }

  #connect(): Promise<RawHttpClient> {
    this.connections++
    return RawHttpClient.connect(this.#port)
  }
}
