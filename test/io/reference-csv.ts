/** A CSV grammar written for reading, not for speed: the judge of the property tests. */
export interface ReferenceRecord {
  /** Text without the line end. */
  raw: string;
  broken: boolean;
  cells: string[];
}

/** The text after the header line, one character a byte. */
export function referenceRecords(text: string, delimiter: string): ReferenceRecord[] {
  const records: ReferenceRecord[] = [];
  let at = 0;
  while (at < text.length) {
    const found = recordAt(text, at, delimiter);
    at = found.next;
    if (found.record !== undefined) records.push(found.record);
  }
  return records;
}

function recordAt(
  text: string,
  start: number,
  delimiter: string,
): { next: number; record?: ReferenceRecord } {
  const line = firstLine(text, start);
  const blanks = [' ', '\t', '\r', delimiter];
  if ([...line.text].every((char) => blanks.includes(char))) return { next: line.next };
  const cells: string[] = [];
  let at = start;
  for (;;) {
    let cell = '';
    if (text[at] === '"') {
      at++;
      while (at < text.length && !(text[at] === '"' && text[at + 1] !== '"')) {
        cell += text[at];
        at += text[at] === '"' ? 2 : 1;
      }
      const end = at < text.length ? lineEndAt(text, at + 1) : undefined;
      if (at >= text.length || (text[at + 1] !== delimiter && end === undefined)) {
        return { next: line.next, record: { raw: line.text, broken: true, cells: [] } };
      }
      at++;
    } else {
      while (at < text.length && text[at] !== delimiter && lineEndAt(text, at) === undefined) {
        cell += text[at++];
      }
    }
    cells.push(cell);
    const end = lineEndAt(text, at);
    if (end !== undefined) {
      return { next: end, record: { raw: text.slice(start, at), broken: false, cells } };
    }
    at++;
  }
}

/** Where the next line begins, if a line ends here. */
function lineEndAt(text: string, at: number): number | undefined {
  if (at >= text.length) return text.length;
  if (text[at] === '\n') return at + 1;
  if (text[at] !== '\r') return undefined;
  if (text[at + 1] === '\n') return at + 2;
  return at + 1 === text.length ? text.length : undefined;
}

function firstLine(text: string, start: number): { text: string; next: number } {
  let at = start;
  while (lineEndAt(text, at) === undefined) at++;
  return { text: text.slice(start, at), next: lineEndAt(text, at) as number };
}
