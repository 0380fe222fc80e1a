import { readFileSync, statSync } from 'node:fs';
import { createInterface } from 'node:readline';
import ts from 'typescript';

// A program of its own, so that the parser's memory ends with it: a path a line in, an object of JSON a line out.
// It runs none of what it reads. In specs Node runs it as it is, so it imports nothing beside it.

const [limit] = process.argv.slice(2);
const MAX_BYTES = Number(limit);

interface Facts {
  file: string;
  imports: string[];
  classes: number;
  bytes: number;
  executable: string | null;
  error: string | null;
}

const isNamed = (node: ts.Node, object: string, property: string): boolean =>
  ts.isPropertyAccessExpression(node) &&
  ts.isIdentifier(node.expression) &&
  node.expression.text === object &&
  node.name.text === property;

const isImportMetaMain = (node: ts.Node): boolean =>
  ts.isPropertyAccessExpression(node) && ts.isMetaProperty(node.expression) && node.name.text === 'main';

/** What an import, an export from, `import()` or `require()` names. */
function imported(node: ts.Node): string | undefined {
  if (ts.isImportDeclaration(node)) return isTypeOnly(node) ? undefined : textOf(node.moduleSpecifier);
  if (ts.isExportDeclaration(node)) return node.isTypeOnly ? undefined : textOf(node.moduleSpecifier);
  if (!ts.isCallExpression(node)) return undefined;
  const { expression } = node;
  const loads =
    expression.kind === ts.SyntaxKind.ImportKeyword || (ts.isIdentifier(expression) && expression.text === 'require');
  return loads ? textOf(node.arguments[0]) : undefined;
}

const isTypeOnly = ({ importClause }: ts.ImportDeclaration): boolean =>
  importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword;
const textOf = (node: ts.Expression | undefined): string | undefined =>
  node && ts.isStringLiteralLike(node) ? node.text : undefined;

function factsOf(file: string): Facts {
  const bytes = statSync(file).size;
  const facts: Facts = { file, imports: [], classes: 0, bytes, executable: null, error: null };
  if (bytes > MAX_BYTES) return { ...facts, error: `it is larger than ${MAX_BYTES} bytes` };
  const text = readFileSync(file, 'utf8');
  if (text.startsWith('#!')) facts.executable = 'it begins with #!';
  const imports = new Set<string>();
  const pending: ts.Node[] = [ts.createSourceFile(file, text, ts.ScriptTarget.Latest)];
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    const name = imported(node);
    if (name !== undefined && !name.startsWith('.')) imports.add(name);
    if (ts.isClassLike(node)) facts.classes++;
    if (isNamed(node, 'require', 'main') || isImportMetaMain(node))
      facts.executable = 'it looks whether it is the main module';
    else if (isNamed(node, 'process', 'argv')) facts.executable ??= 'it reads process.argv';
    ts.forEachChild(node, (child) => void pending.push(child));
  }
  return { ...facts, imports: [...imports].sort() };
}

for await (const line of createInterface({ input: process.stdin })) {
  const file = JSON.parse(line) as string;
  let facts: Facts;
  try {
    facts = factsOf(file);
  } catch (error) {
    facts = { file, imports: [], classes: 0, bytes: 0, executable: null, error: String(error).slice(0, 300) };
  }
  process.stdout.write(`${JSON.stringify(facts)}\n`);
}
