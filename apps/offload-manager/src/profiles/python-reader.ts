import { MAX_SOURCE_BYTES } from './source-facts.js';

/**
 * Reads Python by Python's own parser, without running any of it: a path a line in, an object of JSON a line out. It stops
 * at 1 GiB of memory, which a hostile source could make the parser take.
 */
export const PYTHON_READER = String.raw`
import ast, json, os, sys
try:
    import resource
    resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
except Exception:
    pass

def is_main_check(node):
    return (isinstance(node, ast.Compare) and isinstance(node.left, ast.Name) and node.left.id == '__name__'
            and len(node.comparators) == 1 and isinstance(node.comparators[0], ast.Constant)
            and node.comparators[0].value == '__main__')

def facts(path):
    size = os.path.getsize(path)
    said = {'file': path, 'imports': [], 'classes': 0, 'bytes': size, 'executable': None, 'error': None}
    if size > ${MAX_SOURCE_BYTES}:
        said['error'] = 'it is larger than ${MAX_SOURCE_BYTES} bytes'
        return said
    with open(path, 'rb') as source:
        text = source.read()
    if text.startswith(b'#!'):
        said['executable'] = 'it begins with #!'
    imports = set()
    for node in ast.walk(ast.parse(text, path)):
        if isinstance(node, ast.Import):
            imports.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            imports.add(node.module)
            imports.update(node.module + '.' + alias.name for alias in node.names if node.module == 'google')
        elif isinstance(node, ast.ClassDef):
            said['classes'] += 1
        elif isinstance(node, ast.If) and is_main_check(node.test):
            said['executable'] = 'it has if __name__ == "__main__"'
        elif isinstance(node, ast.Attribute) and node.attr == 'argv' and isinstance(node.value, ast.Name) and node.value.id == 'sys':
            said['executable'] = said['executable'] or 'it reads sys.argv'
    if 'argparse' in imports:
        said['executable'] = said['executable'] or 'it imports argparse'
    said['imports'] = sorted(imports)
    return said

for line in sys.stdin:
    path = json.loads(line)
    try:
        said = facts(path)
    except Exception as error:
        said = {'file': path, 'imports': [], 'classes': 0, 'bytes': 0, 'executable': None,
                'error': type(error).__name__ + ': ' + str(error)[:300]}
    print(json.dumps(said), flush=True)
`;
