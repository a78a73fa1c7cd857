const TOLD = /^(?:HOLDFAST_|LISTEN_|SERVER_STARTER_|WATCHDOG_|NODE_CHANNEL_|_CFK_|CONTROL_FREAK_)/
const TOLD_NAMES = new Set(['HOLDFAST', 'NOTIFY_SOCKET', 'FENCING_TOKEN'])

/** Whether a variable was meant for the very process that got it. */
export function isTold(name: string): boolean {
  return TOLD_NAMES.has(name) || TOLD.test(name)
}
