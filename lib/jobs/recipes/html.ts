import { Parser } from 'htmlparser2';

export interface HtmlHandler {
  open?(tag: string, attributes: Readonly<Record<string, string>>): void;
  text?(text: string): void;
  close?(tag: string): void;
}

/**
 * Elements within elements at most. Browsers flatten below 512; the parser's own work grows with the depth (a page
 * of 160,000 `<div>` took 1.3 s, twice as many four times that), so what lies deeper ends the reading.
 */
const MAX_DEPTH = 1000;

class TooDeep extends Error {}

/** Reads HTML in one pass; every element that was opened is closed. Returns whether it was read to its end. */
export function parseHtml(html: string, handler: HtmlHandler): boolean {
  const opened: string[] = [];
  const parser = new Parser({
    onopentag(tag, attributes) {
      if (opened.length >= MAX_DEPTH) throw new TooDeep();
      opened.push(tag);
      handler.open?.(tag, attributes);
    },
    ontext: (text) => handler.text?.(text),
    onclosetag(tag) {
      // The parser also closes a tag that was never finished: nobody heard of its beginning.
      if (opened.at(-1) !== tag) return;
      opened.pop();
      handler.close?.(tag);
    },
  });
  try {
    parser.end(html);
    return true;
  } catch (error) {
    if (!(error instanceof TooDeep)) throw error;
    while (opened.length > 0) handler.close?.(opened.pop() as string);
    return false;
  }
}
