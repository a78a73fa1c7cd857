import { rmSync } from 'node:fs'
import { newScene, type Scene } from './scene.ts'

/** Ready a moment after its start, or when the file `go` is there. */
const SLOW = {
  command: ['sh', '-c', 'while [ ! -e go ]; do sleep 0.05; done; echo ready; exec sleep 1000'],
  ready: { log: 'ready' },
}

export function configureVersion(scene: Scene, version: string): void {
  const env = { VERSION: version }
  scene.configure({
    services: {
      web: { ...SLOW, env, instances: 2, dependsOn: { queue: 'ready' } },
      queue: { ...SLOW, env },
      same: { command: 'sleep 1000' },
    },
  })
}

/** A scene that runs version 1, and whose config says 2; new workers are not ready before `go` is there. */
export async function sceneToApply(): Promise<Scene> {
  const scene = newScene()
  configureVersion(scene, '1')
  scene.write('go', '')
  await scene.up()
  rmSync(scene.path('go'))
  configureVersion(scene, '2')
  return scene
}
