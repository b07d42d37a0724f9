import type { Writable } from 'node:stream';
import Table from 'cli-table3';
import { printable } from './format.js';

/** Where a command reads and writes. */
export interface Streams {
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly stdout: Writable & { readonly isTTY?: boolean };
  readonly stderr: Writable & { readonly isTTY?: boolean };
}

export interface Column<T> {
  readonly title: string;
  readonly value: (item: T) => string | number;
  readonly align?: 'right';
}

/** Results on standard output, as tables for people or JSON for programs; everything else on standard error. */
export class Output {
  readonly #streams: Streams;
  /** JSON instead of tables. */
  readonly json: boolean;
  readonly #bold: boolean;

  constructor(streams: Streams, options: { readonly json: boolean; readonly noColor: boolean }) {
    this.#streams = streams;
    this.json = options.json;
    this.#bold = streams.stdout.isTTY === true && !options.noColor;
  }

  /** The result: `document` as it is for programs, else what `show` prints. */
  result(document: unknown, show: () => void): void {
    if (this.json) this.document(document);
    else show();
  }

  document(document: unknown): void {
    this.line(JSON.stringify(document, null, 2));
  }

  table<T>(items: readonly T[], columns: readonly Column<T>[]): void {
    const table = newTable(columns.map(({ align }) => align ?? 'left'));
    table.push(columns.map(({ title }) => this.#strong(title)));
    for (const item of items) table.push(columns.map(({ value }) => printable(String(value(item)))));
    this.#print(table);
  }

  /** One record, a field per line; fields without a value are left out. */
  fields(fields: Readonly<Record<string, string | number | null | undefined>>): void {
    const table = newTable(['left', 'left']);
    for (const [title, value] of Object.entries(fields))
      if (value !== null && value !== undefined && value !== '')
        table.push([this.#strong(title), printable(String(value))]);
    this.#print(table);
  }

  line(text: string): void {
    this.#streams.stdout.write(`${text}\n`);
  }

  /** For people, beside the result. */
  note(text: string): void {
    this.#streams.stderr.write(`${text}\n`);
  }

  #strong(text: string): string {
    return this.#bold ? `\u001b[1m${text}\u001b[22m` : text;
  }

  #print(table: Table.Table): void {
    for (const line of table.toString().split('\n')) this.line(line.trimEnd());
  }
}

const BORDERS =
  'top top-mid top-left top-right bottom bottom-mid bottom-left bottom-right left left-mid mid mid-mid right right-mid middle';

/** Columns without borders, which can be cut by other programs. */
function newTable(align: Table.HorizontalAlignment[]): Table.Table {
  return new Table({
    chars: Object.fromEntries(BORDERS.split(' ').map((border) => [border, ''])),
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2 },
    colAligns: align,
  });
}
