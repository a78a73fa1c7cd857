import { serve } from './serve.cjs'
import { warm } from './warm.mjs'

await serve({ since: warm.since })
