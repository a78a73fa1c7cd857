import { service } from './settings/service.ts'
import { supervisorSettings } from './settings/supervisor.ts'
import type { JsonSchema } from './value-type.ts'
import { objectOf } from './values/collections.ts'

/** JSON Schema of a config file, for editors. Later keys are in it, described as not available yet. */
export function jsonSchema(): JsonSchema {
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Holdfast configuration',
    description: 'A file that says what Holdfast runs. See docs/configuration.md and docs/reference/config.md.',
    ...objectOf(supervisorSettings).schema,
    definitions: { [service.definition]: service.schema },
    patternProperties: { '^x-': { description: 'For your own use, as YAML anchors; Holdfast does not look at it.' } },
  }
}
