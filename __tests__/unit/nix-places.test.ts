// Texts as Nix 2.26 has printed them, of flakes with a git checkout below /work and an input with nixpkgs' lib; what is of
// another version says so.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { flakeFolder, placesIn, placesOnRunner, withoutTrace } from '../../src/nix/places';
import { annotationPlace } from '../../src/report/annotation-place';

const own = '/nix/store/qzw7fxs8x5qy07xg9fb42zraxvw6rl05-source';
const lib = '/nix/store/spjcdg6wiyqlnq0nv3ljxyw0c4g0zp2r-source';

const value = `       … while evaluating the attribute 'value'
         at ${lib}/lib/modules.nix:1147:7:
         1146|     // {
         1147|       value = addErrorContext "while evaluating the option \`\${showOption loc}':" value;
             |       ^
         1148|       inherit (res.defsFinal') highestPrio;

       … while evaluating the option \`name':

       … while evaluating the attribute 'mergedValue'
         at ${lib}/lib/modules.nix:1244:5:
         1243|     # Type-check the remaining definitions, and merge them. Or throw if no definitions.
         1244|     mergedValue =
             |     ^
         1245|       if isDefined then
`;

const syntax = `error:
       … while calling the 'import' builtin
         at ${own}/flake.nix:12:16:
           11|       throws = import ./hosts/throws.nix;
           12|       syntax = import ./hosts/syntax.nix;
             |                ^
           13|       undefined = import ./hosts/undefined.nix;

       error: syntax error, unexpected '=', expecting ';'
       at ${own}/hosts/syntax.nix:3:5:
            2|   a = 1
            3|   b = 2;
             |     ^
            4| }`;

const thrown = `error:
       … while calling the 'import' builtin
         at ${own}/flake.nix:11:16:
           10|     {
           11|       throws = import ./hosts/throws.nix;
             |                ^
           12|       syntax = import ./hosts/syntax.nix;

       … while evaluating the file '${own}/hosts/throws.nix':

       … while calling the 'throw' builtin
         at ${own}/hosts/throws.nix:1:1:
            1| throw "no such disk"
             | ^
            2|

       error: no such disk`;

const conflict = `error:
${value}
       (stack trace truncated; use '--show-trace' to show the full, detailed trace)

       error: The option \`name' has conflicting definition values:
       - In \`${own}/hosts/b.nix': "b"
       - In \`${own}/hosts/a.nix': "a"
       Use \`lib.mkForce value\` or \`lib.mkDefault value\` to change the priority on any of these definitions.`;

const type = `error:
${value}
       error: A definition for option \`name' is not of type \`string'. Definition values:
       - In \`${own}/hosts/type.nix, via option perSystem': 5`;

const deep = `error:
${value}
       … while evaluating definitions from \`${own}/hosts/deep.nix':

       … while calling the 'concatStringsSep' builtin
         at ${lib}/lib/strings.nix:9:3:
            8|
            9|   concatStringsSep = builtins.concatStringsSep;
             |   ^
           10|

       error: 'builtins.head' called on an empty list`;

/** As Nix 2.18 prints it: with empty lines. */
const older = `error:
       … while calling the 'throw' builtin

         at ${own}/hosts/throws.nix:1:1:

            1| throw "no such disk"
             | ^
            2|

       error: no such disk`;

const files: Record<string, string> = {
  'flake.nix': `${'\n'.repeat(10)}      throws = import ./hosts/throws.nix;\n      syntax = import ./hosts/syntax.nix;\n`,
  'hosts/syntax.nix': '{\n  a = 1\n  b = 2;\n}\n',
  'hosts/throws.nix': 'throw "no such disk"\n',
  'hosts/a.nix': '{ name = "a"; }\n',
  'hosts/b.nix': '{ name = "b"; }\n',
  'hosts/type.nix': '{ name = 5; }\n',
  'hosts/deep.nix': '{ }\n',
  'hosts/tabs.nix': '{\n\tfoo  = pgks.hello;\r\n}',
  'modules/default.nix': '{ }\n',
  // another flake's file has this name
  'lib/modules.nix': 'x\n'.repeat(2000),
};

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'places-'));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

/** `file:line:column`, from the flake's folder. */
function found(message: string, flake: string | undefined = folder): string[] {
  return placesOnRunner(placesIn(message), flake).map(({ file, line, column }) =>
    [file.replace(`${folder}/`, ''), line, column].filter((part) => part !== undefined).join(':'),
  );
}

describe('the places of an error', () => {
  test.each<[string, string, string[]]>([
    ['of syntax', syntax, ['hosts/syntax.nix:3:5', 'flake.nix:12:16']],
    ['of a throw', thrown, ['hosts/throws.nix:1:1', 'flake.nix:11:16']],
    ['of definitions that conflict', conflict, ['hosts/b.nix', 'hosts/a.nix']],
    ['of a definition of another type', type, ['hosts/type.nix']],
    ['within a definition', deep, ['hosts/deep.nix']],
    ['of an older Nix', older, ['hosts/throws.nix:1:1']],
    [
      'in a source that was not copied',
      thrown.replaceAll(own, '«git+file:///work?rev=1»'),
      ['hosts/throws.nix:1:1', 'flake.nix:11:16'],
    ],
    ['in a folder that is a module', `error: no \`${own}/modules'`, ['modules/default.nix']],
    [
      'in a store elsewhere',
      syntax.replaceAll('/nix/store', '/tmp/x/store/nix/store'),
      ['hosts/syntax.nix:3:5', 'flake.nix:12:16'],
    ],
    [
      'with tabs, of which Nix makes blanks',
      `error: no\n at ${own}/hosts/tabs.nix:2:9:\n  1| {\n  2|         foo  = pgks.hello;`,
      ['hosts/tabs.nix:2:9'],
    ],
    ['without the line', `error: no\n at ${own}/hosts/a.nix:1:1:`, ['hosts/a.nix:1:1']],
    ['without a column', `error: no\n at ${own}/hosts/a.nix:1:`, ['hosts/a.nix:1']],
  ])('%s', (_, message, places) => expect(found(message)).toEqual(places));

  test.each<[string, string]>([
    ['a line that the file has not', `error: no\n at ${own}/hosts/a.nix:3:1:`],
    ['another text there', syntax.replace('  b = 2', '  b = 3').replace(/12\|.*/, '12| other')],
    ['a file that is not there', `error: no\n at ${own}/hosts/none.nix:1:1:`],
    ['a folder', `error: no\n at ${own}/hosts:1:1:`],
    ['no file', 'error: no\n at «string»:1:1:\n at «none»:0:\n at <nix/derivation-internal.nix>:1:1:'],
    ['an unknown module', "error: no\n - In `<unknown-file>': 3\n - In `x'"],
    [
      'assertions, of which Nix knows no place',
      thrown.replace('error: no such disk', 'error:\n       Failed assertions:\n       - no'),
    ],
    ['nothing', ''],
  ])('there is none: %s', (_, message) => expect(found(message)).toEqual([]));

  test('of a flake elsewhere there is none, and of files on the runner there is', () => {
    expect(placesOnRunner(placesIn(syntax), undefined)).toEqual([]);
    expect(placesOnRunner(placesIn(syntax.replaceAll(own, folder)), undefined)[0]).toEqual({
      file: join(folder, 'hosts/syntax.nix'),
      line: 3,
      column: 5,
    });
  });
});

describe('an error without its trace', () => {
  const steps = (message: string) =>
    message
      .split('\n')
      .filter((line) => line.includes('…'))
      .map((line) => line.trim());

  test('has the step in the user’s own files that is nearest', () => {
    expect(steps(withoutTrace(deep, folder))).toEqual([
      `… while evaluating definitions from \`${own}/hosts/deep.nix':`,
    ]);
    expect(withoutTrace(deep, folder)).toMatch(/^error:\n.*deep\.nix':\n\n +error: 'builtins.head' called/);
    expect(steps(withoutTrace(thrown, folder))).toEqual(["… while calling the 'throw' builtin"]);
  });

  test('has the nearest step where none is in these', () => {
    expect(steps(withoutTrace(deep, undefined))).toEqual(["… while calling the 'concatStringsSep' builtin"]);
  });

  test.each(['error: no', 'no error', 'error: no\n… of', ''])('stays as it is: %j', (text) =>
    expect(withoutTrace(text, folder)).toBe(text),
  );
});

describe('the folder of a flake', () => {
  test.each<[string, string | undefined]>([
    ['', ''],
    ['/sub', ''],
    ['/sub/deep', ''],
    ['?dir=sub', ''],
  ])('of a checkout is all of it: %j', (path) => {
    mkdirSync(join(folder, '.git'), { recursive: true });
    mkdirSync(join(folder, 'sub/deep'), { recursive: true });
    writeFileSync(join(folder, 'sub/flake.nix'), '');
    expect(flakeFolder(`${folder}${path}`)).toBe(folder);
    rmSync(join(folder, '.git'), { recursive: true });
    if (path.startsWith('/')) expect(flakeFolder(`${folder}${path}`)).toBe(join(folder, 'sub'));
  });

  test.each<[string, string | undefined]>([
    ['path:/a/b?dir=c', '/a/b'],
    ['path:///a/b%20c', '/a/b c'],
    ['git+file:///a/b?ref=main', '/a/b'],
    ['path:a', join(process.cwd(), 'a')],
    ['path:/a/100%', '/a/100%'],
    ['github:a/b', undefined],
    ['git+ssh://git@example.org/a', undefined],
    ['git+https:///a', undefined],
    ['nixpkgs', undefined],
    ['flake:nixpkgs', undefined],
  ])('%s', (uri, expected) => expect(flakeFolder(uri)).toBe(expected));
});

describe('where GitHub shows an annotation', () => {
  const at = (file: string, line?: number, column?: number) => ({ file: join(folder, file), line, column });
  const placeOf = (
    places: ReturnType<typeof at>[],
    workspace: string | undefined = folder,
    secret = 'hunter2',
  ) => annotationPlace(places, workspace, (text) => text.replaceAll(secret, '***'));

  test('is the first place in the workspace', () => {
    const elsewhere = { file: '/etc/passwd', line: 1, column: 1 };
    expect(placeOf([elsewhere, at('hosts/a.nix', 1, 2), at('flake.nix', 1, 1)])).toEqual({
      file: 'hosts/a.nix',
      startLine: 1,
      startColumn: 2,
    });
    expect(placeOf([at('hosts/a.nix')])).toEqual({ file: 'hosts/a.nix' });
    expect(placeOf([at('hosts/a.nix', 1)])).toEqual({ file: 'hosts/a.nix', startLine: 1 });
    expect(placeOf([at('hosts/a.nix', 1)], join(folder, 'hosts'))).toMatchObject({ file: 'a.nix' });
  });

  test('is nowhere else', () => {
    expect(placeOf([at('hosts/a.nix', 1)], join(folder, 'lib'))).toEqual({});
    expect(placeOf([at('none.nix', 1), at('', 1), at('..', 1)])).toEqual({});
    expect(annotationPlace([at('hosts/a.nix', 1)], undefined, String)).toEqual({});
    expect(annotationPlace([at('hosts/a.nix', 1)], '', String)).toEqual({});
  });

  test('is where a link leads, and not outside', () => {
    symlinkSync('/etc/passwd', join(folder, 'out.nix'));
    symlinkSync('hosts', join(folder, 'linked'));
    expect(placeOf([at('out.nix', 1)])).toEqual({});
    expect(placeOf([at('linked/a.nix', 1)])).toMatchObject({ file: 'hosts/a.nix' });
    symlinkSync(folder, join(folder, 'itself'));
    expect(placeOf([at('hosts/a.nix', 1)], join(folder, 'itself'))).toMatchObject({ file: 'hosts/a.nix' });
  });

  test.each(['a\nb.nix', '##[error]a.nix', 'hunter2.nix', '::error::.nix'])(
    'is not in a file that is called %j',
    (name) => {
      writeFileSync(join(folder, name), '');
      expect(placeOf([at(name, 1), at('hosts/a.nix', 1)])).toMatchObject({ file: 'hosts/a.nix' });
    },
  );
});
