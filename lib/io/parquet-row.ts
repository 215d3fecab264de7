import type { SchemaTree } from 'hyparquet';
import { type LeafText, leafText, type Texts } from './parquet-value.ts';

/** How the rows of one file become lines of JSON. */
export interface RowText {
  names: string[];
  /** Names of the columns that are lists, structs or maps. */
  nested: string[];
  /** Lines of `count` rows, given by column. */
  lines(columns: readonly ArrayLike<unknown>[], count: number): Generator<Uint8Array>;
}

/** What is handed on at once. */
const BLOCK_CHARS = 256 * 1024;

export function rowText(columns: readonly SchemaTree[]): RowText {
  const texts: Texts = { latin1: false, bad: false };
  const writers = columns.map((column) => nodeText(column, texts));
  const heads = columns.map(({ element }) => JSON.stringify(element.name));
  const latinHeads = heads.map((head) => Buffer.from(head).toString('latin1'));
  const line = (values: readonly ArrayLike<unknown>[], row: number): string => {
    let text = '';
    for (let at = 0; at < values.length; at += 1) {
      const head = (texts.latin1 ? latinHeads : heads)[at];
      text += `${at === 0 ? '{' : ','}${head}:${writers[at]?.(values[at]?.[row])}`;
    }
    return `${text === '' ? '{' : text}}\n`;
  };
  return {
    names: columns.map(({ element }) => element.name),
    nested: columns.filter(isNested).map(({ element }) => element.name),
    *lines(values, count) {
      let text = '';
      for (let row = 0; row < count; row += 1) {
        texts.bad = false;
        const own = line(values, row);
        if (texts.bad) {
          // Byte for byte, so that the reader refuses this record alone, as it does for text files.
          yield Buffer.from(text);
          text = '';
          texts.latin1 = true;
          yield Buffer.from(line(values, row), 'latin1');
          texts.latin1 = false;
          continue;
        }
        text += own;
        if (text.length < BLOCK_CHARS) continue;
        yield Buffer.from(text);
        text = '';
      }
      if (text !== '') yield Buffer.from(text);
    },
  };
}

const isNested = ({ element, children }: SchemaTree): boolean =>
  children.length > 0 || element.repetition_type === 'REPEATED';

/** The text of a node's value, as the decoder nests it: see `assembleNested` there. */
function nodeText(node: SchemaTree, texts: Texts): LeafText {
  const { element } = node;
  const own = node.children.length === 0 ? leafText(element, texts) : groupText(node, texts);
  const orNull: LeafText = (value) => (value === null || value === undefined ? 'null' : own(value));
  return element.repetition_type === 'REPEATED' ? listText(orNull) : orNull;
}

const listText =
  (item: LeafText): LeafText =>
  (values) =>
    Array.isArray(values) ? `[${values.map(item).join(',')}]` : 'null';

function groupText(node: SchemaTree, texts: Texts): LeafText {
  const { element, children } = node;
  const { converted_type: converted, logical_type: logical } = element;
  const [inner] = children;
  const repeated = children.length === 1 && inner?.element.repetition_type === 'REPEATED';
  if (inner !== undefined && repeated && (converted === 'LIST' || logical?.type === 'LIST')) {
    return markedList(inner, texts);
  }
  const isMap = converted === 'MAP' || converted === 'MAP_KEY_VALUE' || logical?.type === 'MAP';
  if (inner !== undefined && repeated && isMap && inner.children.length === 2) {
    return mapText(inner, texts);
  }
  return structText(children, texts);
}

/** Of a list the decoder takes the repeated level away, and its one field's; several fields are a struct of it. */
function markedList(inner: SchemaTree, texts: Texts): LeafText {
  const [item] = inner.children;
  if (inner.children.length === 1 && item !== undefined) return listText(nodeText(item, texts));
  if (inner.children.length === 0) return nodeText(inner, texts);
  const list = nodeText(inner, texts);
  const { name } = inner.element;
  return (value) => list((value as Record<string, unknown>)[name]);
}

function structText(children: readonly SchemaTree[], texts: Texts): LeafText {
  const fields = children.map((child) => {
    const { name } = child.element;
    const head = JSON.stringify(name);
    const latinHead = Buffer.from(head).toString('latin1');
    return { name, head, latinHead, text: nodeText(child, texts) };
  });
  return (value) => {
    const object = value as Record<string, unknown>;
    const parts = fields.map(
      ({ name, head, latinHead, text }) =>
        `${texts.latin1 ? latinHead : head}:${text(Object.hasOwn(object, name) ? object[name] : null)}`,
    );
    return `{${parts.join(',')}}`;
  };
}

/** An object of the keys; a key that is no text becomes the text of its JSON. */
function mapText(entries: SchemaTree, texts: Texts): LeafText {
  const [key, item] = entries.children as [SchemaTree, SchemaTree];
  const keyText = nodeText(key, texts);
  const itemText = nodeText(item, texts);
  const { name } = entries.element;
  return (value) => {
    const list = (value as Record<string, unknown>)[name];
    const parts = ((list ?? []) as Record<string, unknown>[]).map((entry) => {
      const text = keyText(entry[key.element.name]);
      const quoted = text.startsWith('"') ? text : JSON.stringify(text);
      return `${quoted}:${itemText(entry[item.element.name])}`;
    });
    return `{${parts.join(',')}}`;
  };
}
