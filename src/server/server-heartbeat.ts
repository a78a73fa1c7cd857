// Below a supervisor with `serverProcess.heartbeat`: the server's own event loop shows that it turns.
import { openHeartbeatFile } from '../worker/heartbeat-file.ts'
import { HeartbeatWriter } from '../worker/heartbeat-writer.ts'
import { readEnvironment } from '../worker/read-environment.ts'

/** Does not keep the process alive. */
export function beatForSupervisor(environment: Readonly<Record<string, string | undefined>>): void {
  const { heartbeat, heartbeatInterval, heartbeatTimeout, generation } = readEnvironment(environment)
  if (heartbeat === null || heartbeatInterval === null) return
  const place = openHeartbeatFile(heartbeat)
  const writer = new HeartbeatWriter(place, { generation, timeoutMillis: heartbeatTimeout })
  writer.beat()
  setInterval(() => writer.beat(), heartbeatInterval).unref()
}
