import { createHash } from 'node:crypto';
import { Script } from 'node:vm';
import { expect, it } from 'vitest';
import { PAGE, PAGE_POLICY } from '../../../lib/app/serve/page.ts';

const between = (tag: string): string =>
  new RegExp(`<${tag}>([\\s\\S]*)</${tag}>`).exec(PAGE)?.[1] ?? '';

it('the page holds a script and a style that its policy names, and loads nothing', () => {
  for (const tag of ['script', 'style']) {
    const digest = createHash('sha256').update(between(tag)).digest('base64');
    expect(PAGE_POLICY).toContain(`${tag}-src 'sha256-${digest}'`);
  }
  expect(PAGE_POLICY).toContain("default-src 'none'");
  expect(PAGE).not.toMatch(/https?:|<link|<img| on\w+=| style=/);
});

it('its script is valid, finds each element it fills, and makes no markup of values', () => {
  const script = between('script');
  expect(() => new Script(script)).not.toThrow();
  expect(script).not.toMatch(/innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval/);
  const ids = [...script.matchAll(/get\('(\w+)'\)/g)].map(([, id]) => id);
  expect(ids.length).toBeGreaterThan(4);
  for (const id of ids) expect(PAGE).toContain(`id="${id}"`);
});
