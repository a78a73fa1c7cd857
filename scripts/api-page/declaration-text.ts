// Declarations and their docstrings as text.
import { ModifierFlags, type Node, SyntaxKind } from 'typescript/unstable/ast'

export interface Doc {
  readonly text: string
  /** In their order, without the `@`. */
  readonly tags: readonly { readonly name: TagName; readonly text: string }[]
}

export type TagName = (typeof TAGS)[number]

const TAGS = ['param', 'returns', 'throws', 'example'] as const
const TAG = new RegExp(`(?:^|\\s)@(${TAGS.join('|')})\\b`)

/** Parts of a declaration that not each kind has. */
interface Parts {
  readonly body?: Node
  readonly members?: { readonly pos: number }
}

/** What stands in place of a part that nobody can read: `keyof typeof TABLE`. Null: it stays as it is. */
export type Rewrite = (node: Node) => string | null

/** What comes before the body or the members of a function, class or interface; a type as a whole. */
export function headText(node: Node, rewrite: Rewrite): string {
  const text = textBeforeBody(node, rewrite)
  const whole = node.kind === SyntaxKind.VariableDeclaration ? `const ${text}` : text
  return whole.replace(/^(?:export |declare |async )+/, '')
}

/** In one line. */
export function memberText(node: Node, rewrite: Rewrite): string {
  return textBeforeBody(node, rewrite)
    .replace(/^async /, '')
    .replace(/[;,]$/, '')
    .replace(/\/\*\*.*?\*\//gs, '')
    .replace(/\s+/g, ' ')
}

function textBeforeBody(node: Node, rewrite: Rewrite): string {
  const { body, members } = node as Node & Parts
  const isHead = node.kind === SyntaxKind.ClassDeclaration || node.kind === SyntaxKind.InterfaceDeclaration
  const end = isHead && members !== undefined ? members.pos - 1 : (body?.pos ?? node.end)
  const { text } = node.getSourceFile()
  const parts: string[] = []
  let position = node.getStart()
  for (const [from, to, replacement] of replacements(node, rewrite)) {
    if (to > end) break
    parts.push(text.slice(position, from), replacement)
    position = to
  }
  return [...parts, text.slice(position, end)].join('').trim()
}

/** In their order. */
function replacements(node: Node, rewrite: Rewrite): [from: number, to: number, text: string][] {
  const found: [number, number, string][] = []
  const visit = (child: Node): void => {
    const text = rewrite(child)
    if (text === null) child.forEachChild(visit)
    else found.push([child.getStart(), child.end, text])
  }
  node.forEachChild(visit)
  return found
}

/** Not for users: `#name`, private, and what is named by a symbol. */
export function isHidden(node: Node): boolean {
  const { name, modifierFlags = 0 } = node as Node & { readonly name?: Node; readonly modifierFlags?: number }
  if ((modifierFlags & (ModifierFlags.Private | ModifierFlags.Protected)) !== 0) return true
  return name?.kind === SyntaxKind.PrivateIdentifier || name?.kind === SyntaxKind.ComputedPropertyName
}

export function docOf(node: Node): Doc {
  // `const x = 1` is a statement with a list of declarations in it.
  const owner = node.kind === SyntaxKind.VariableDeclaration ? node.parent.parent : node
  // At the beginning of a file the comments above it are part of its text.
  const raw = owner.jsDoc?.at(-1)?.getText() ?? ''
  const plain = raw
    .replace(/^.*?\/\*\*/s, '')
    .replace(/\*\/$/, '')
    .replace(/^[ \t]*\* ?/gm, '')
  const [text = '', ...rest] = plain.trim().split(TAG)
  const tags = rest.flatMap((name, index) =>
    index % 2 === 0 ? [{ name: name as TagName, text: (rest[index + 1] ?? '').trim() }] : [],
  )
  return { text: text.trim(), tags }
}
