// The worker of forked.mjs as a module of its own, which defines no server.
process.env.E2E_WORKER_ALONE = '1'
const { worker } = await import('./forked.mjs')
export default worker
