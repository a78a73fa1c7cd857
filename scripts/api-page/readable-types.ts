// Types that are made from tables, as what they come to.
import type { Node } from 'typescript/unstable/ast'
import { isHeritageClause, isTypeOperatorNode, isTypeQueryNode, isTypeReferenceNode } from 'typescript/unstable/ast/is'
import { type Checker, NodeBuilderFlags } from 'typescript/unstable/sync'
import type { Rewrite } from './declaration-text.ts'

export function readableTypes(checker: Checker, isPublic: (name: string) => boolean): Rewrite {
  const textOf = (node: Node): string => {
    const type = checker.getTypeAtLocation(node)
    return type === undefined ? node.getText() : single(checker.typeToString(type, node, NodeBuilderFlags.NoTruncation))
  }
  return (node) => {
    // `extends Omit<Engine, …>`: its members are told with those of the heir.
    if (isHeritageClause(node)) {
      const bases = node.types.map((base) => base.getText()).filter((base) => isPublic(base) || base === 'Error')
      return bases.length === 0 ? '' : `extends ${bases.join(', ')}`
    }
    if (isTypeOperatorNode(node) && isTypeQueryNode(node.type)) return textOf(node)
    if (!isWritten(node)) return null
    const type = checker.getTypeAtLocation(node)
    const properties = type === undefined ? [] : checker.getPropertiesOfType(type)
    const lines = properties.map((property) => {
      const value = checker.getTypeOfSymbol(property)
      const text = value === undefined ? 'unknown' : single(checker.typeToString(value))
      return `${property.name}?: ${text.replace(' | undefined', '')}`
    })
    return `{ ${lines.join('; ')} }`
  }
}

/** What may be written of a table of settings. */
function isWritten(node: Node): boolean {
  return isTypeReferenceNode(node) && node.typeName.getText() === 'Written'
}

function single(text: string): string {
  return text.replaceAll('"', "'")
}
