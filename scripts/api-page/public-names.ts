// What `holdfast` and `holdfast/worker` export, with signatures and docstrings, read from the sources by TypeScript itself.
import { join } from 'node:path'
import { type Node, SyntaxKind } from 'typescript/unstable/ast'
import { isClassDeclaration, isInterfaceDeclaration, isTypeAliasDeclaration } from 'typescript/unstable/ast/is'
import { API, type Checker, type Project, type Symbol as TypeScriptSymbol } from 'typescript/unstable/sync'
import { type Doc, docOf, headText, isHidden, memberText, type Rewrite } from './declaration-text.ts'
import { readableTypes } from './readable-types.ts'

export interface PublicMember {
  readonly name: string
  /** Two of a property with a getter and a setter. */
  readonly signatures: readonly string[]
  readonly doc: Doc
}

export interface PublicName {
  readonly name: string
  /** What it is imported from. */
  readonly module: string
  readonly kind: 'function' | 'class' | 'interface' | 'type' | 'value'
  readonly signature: string
  readonly doc: Doc
  /** Its own, and those of types that it extends and nobody can import. */
  readonly members: readonly PublicMember[]
  /** Keys of the config file among its properties. */
  readonly settings: readonly string[]
}

const MODULES = [
  ['holdfast', 'src/index.ts'],
  ['holdfast/worker', 'src/worker/index.ts'],
] as const

const KINDS: Partial<Record<SyntaxKind, PublicName['kind']>> = {
  [SyntaxKind.FunctionDeclaration]: 'function',
  [SyntaxKind.ClassDeclaration]: 'class',
  [SyntaxKind.InterfaceDeclaration]: 'interface',
  [SyntaxKind.TypeAliasDeclaration]: 'type',
  [SyntaxKind.VariableDeclaration]: 'value',
}

/** A name of both modules stands in the result once. */
export function publicNames(root: string): PublicName[] {
  const api = new API({ cwd: root })
  try {
    const config = join(root, 'tsconfig.types.json')
    const project = api.updateSnapshot({ openProjects: [config] }).getProject(config)
    if (project === undefined) throw new Error(`TypeScript does not open ${config}`)
    const exported = MODULES.flatMap(([module, file]) => exportsOf(project, module, join(root, file)))
    const names = new Map(exported.toReversed().map((one) => [one.symbol.name, one]))
    return [...names.values()].reverse().map((one) => describe(project.checker, one, names))
  } finally {
    api.close()
  }
}

interface Exported {
  readonly module: string
  readonly symbol: TypeScriptSymbol
  readonly node: Node
  /** `export { type X }` of a class. */
  readonly typeOnly: boolean
}

function exportsOf({ program, checker }: Project, module: string, file: string): Exported[] {
  const source = program.getSourceFile(file)
  const symbol = source && checker.getSymbolAtLocation(source)
  if (symbol === undefined) throw new Error(`${file} is no module`)
  const exported = checker.getExportsOfModule(symbol).map((found) => {
    const specifier = found.declarations[0]?.resolve()
    const isAlias = specifier?.kind === SyntaxKind.ExportSpecifier
    const own = isAlias ? checker.getAliasedSymbol(found) : found
    const node = own.declarations[0]?.resolve()
    if (node === undefined) throw new Error(`${file}: no declaration of ${found.name}`)
    return { module, symbol: own, node, typeOnly: isAlias && specifier.getText().startsWith('type ') }
  })
  return exported.sort((one, other) => (one.symbol.name < other.symbol.name ? -1 : 1))
}

function describe(checker: Checker, { module, symbol, node, typeOnly }: Exported, names: Names): PublicName {
  const kind = KINDS[node.kind]
  if (kind === undefined) throw new Error(`${symbol.name} is of a kind that is not described: ${node.getText()}`)
  const settings = isTypeAliasDeclaration(node) ? settingsOf(checker, symbol) : []
  const rewrite = readableTypes(checker, (base) => names.has(base))
  return {
    name: symbol.name,
    module,
    kind: typeOnly ? 'interface' : kind,
    signature: isMadeOfTables(node) ? `type ${symbol.name} = { … }` : headText(node, rewrite),
    doc: docOf(node),
    members: membersOf(checker, node, names, { typeOnly, rewrite }),
    settings,
  }
}

type Names = ReadonlyMap<string, Exported>

function membersOf(
  checker: Checker,
  node: Node,
  names: Names,
  { typeOnly, rewrite }: { readonly typeOnly: boolean; readonly rewrite: Rewrite },
): PublicMember[] {
  if (!isClassDeclaration(node) && !isInterfaceDeclaration(node)) return []
  const own = node.members.filter((member) => !(typeOnly && member.kind === SyntaxKind.Constructor))
  const bases = (node.heritageClauses ?? []).flatMap(({ types }) => [...types])
  const hidden = isInterfaceDeclaration(node) ? bases.filter((base) => !names.has(base.getText())) : []
  const inherited = hidden.flatMap((base) => {
    const type = checker.getTypeAtLocation(base)
    const properties = type === undefined ? [] : checker.getPropertiesOfType(type)
    return properties.flatMap(({ declarations }) => declarations[0]?.resolve() ?? [])
  })
  const members = new Map<string, PublicMember>()
  for (const member of [...own, ...inherited]) {
    if (isHidden(member)) continue
    const name = nameOf(member)
    const signature = memberText(member, rewrite)
    const before = members.get(name)
    // An inherited one that has been declared anew counts no more; the second half of a property does.
    if (before === undefined) members.set(name, { name, signatures: [signature], doc: docOf(member) })
    else if (member.kind === SyntaxKind.SetAccessor)
      members.set(name, { ...before, signatures: [...before.signatures, signature] })
  }
  return [...members.values()]
}

function nameOf(member: Node): string {
  return (member as Node & { readonly name?: Node }).name?.getText() ?? 'constructor'
}

/** Its text would be that of the tables. */
function isMadeOfTables(node: Node): boolean {
  return isTypeAliasDeclaration(node) && /\bWritten</.test(node.getText())
}

function settingsOf(checker: Checker, symbol: TypeScriptSymbol): string[] {
  const properties = checker.getPropertiesOfType(checker.getDeclaredTypeOfSymbol(symbol))
  const isSetting = ({ declarations }: TypeScriptSymbol): boolean =>
    declarations[0]?.path.includes('/src/config/settings/') === true
  return properties.filter(isSetting).map(({ name }) => name)
}
