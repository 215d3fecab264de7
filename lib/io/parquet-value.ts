import { isUtf8 } from 'node:buffer';
import type { SchemaElement } from 'hyparquet';
import { buffer } from './layout.ts';

/** The JSON text of a value that is not null. */
export type LeafText = (value: unknown) => string;

/** What the writers of one file share. */
export interface Texts {
  /** Texts are written a byte a character, so that bytes which are no UTF-8 come through. */
  latin1: boolean;
  /** Such bytes were seen. */
  bad: boolean;
}

type Unit = 'MILLIS' | 'MICROS' | 'NANOS';
const UNITS: Readonly<Record<Unit, { perMs: bigint; digits: number }>> = {
  MILLIS: { perMs: 1n, digits: 3 },
  MICROS: { perMs: 1000n, digits: 6 },
  NANOS: { perMs: 1_000_000n, digits: 9 },
};

/**
 * How a column's stored values are written: by its logical type, or the older converted type ("Logical
 * Types" of the Parquet format).
 */
export function leafText(element: SchemaElement, texts: Texts): LeafText {
  const { type, converted_type: converted, logical_type: logical } = element;
  if (logical?.type === 'DECIMAL' || converted === 'DECIMAL') {
    const scale = (logical?.type === 'DECIMAL' ? logical.scale : element.scale) ?? 0;
    return (value) => `"${decimal(unscaled(value), scale)}"`;
  }
  if (logical?.type === 'DATE' || converted === 'DATE')
    return (days) => `"${isoDate(Number(days))}"`;
  const time = timeUnit(element, 'TIME');
  if (time !== undefined) return (value) => `"${clockTime(BigInt(value as number), time)}"`;
  const instant = timeUnit(element, 'TIMESTAMP');
  if (instant !== undefined) {
    const zone = logical?.type === 'TIMESTAMP' && !logical.isAdjustedToUTC ? '' : 'Z';
    return (value) => `"${isoTime(BigInt(value as number), instant, zone)}"`;
  }
  switch (type) {
    case 'INT96':
      return (nanos) => `"${isoTime(nanos as bigint, 'NANOS', 'Z')}"`;
    case 'INT32':
    case 'INT64':
      return integer(element);
    case 'BYTE_ARRAY':
    case 'FIXED_LEN_BYTE_ARRAY':
      return bytesText(element, texts);
    case 'FLOAT':
    case 'DOUBLE':
      return (value) => float(value as number);
    default:
      return (value) => String(value);
  }
}

function timeUnit(element: SchemaElement, kind: 'TIME' | 'TIMESTAMP'): Unit | undefined {
  const { converted_type: converted, logical_type: logical } = element;
  if (logical?.type === kind) return logical.unit;
  if (converted === `${kind}_MILLIS`) return 'MILLIS';
  return converted === `${kind}_MICROS` ? 'MICROS' : undefined;
}

/** As a number where a number holds it exactly, else its digits as a text. */
function integer({
  type,
  converted_type: converted,
  logical_type: logical,
}: SchemaElement): LeafText {
  const unsigned =
    logical?.type === 'INTEGER' ? !logical.isSigned : (converted?.startsWith('UINT_') ?? false);
  if (type === 'INT32') {
    return unsigned ? (value) => String((value as number) >>> 0) : (value) => String(value);
  }
  return (value) => {
    const whole = unsigned ? BigInt.asUintN(64, value as bigint) : (value as bigint);
    const isSafe = whole <= Number.MAX_SAFE_INTEGER && whole >= -Number.MAX_SAFE_INTEGER;
    return isSafe ? String(whole) : `"${whole}"`;
  };
}

/** JSON has no NaN and no infinity: they are texts. */
const float = (value: number): string =>
  Number.isFinite(value) ? JSON.stringify(value) : `"${value}"`;

function bytesText(element: SchemaElement, texts: Texts): LeafText {
  const { converted_type: converted, logical_type: logical } = element;
  const kind = logical?.type ?? converted;
  switch (kind) {
    case 'STRING':
    case 'UTF8':
    case 'ENUM':
      return (value) => text(buffer(value as Uint8Array), texts);
    case 'JSON':
      return (value) => embedded(buffer(value as Uint8Array), texts);
    case 'UUID':
      return (value) => `"${uuid(buffer(value as Uint8Array))}"`;
    case 'FLOAT16':
      return (value) => float(half(buffer(value as Uint8Array).readUInt16LE(0)));
    case 'INTERVAL':
      return (value) => `"${interval(buffer(value as Uint8Array))}"`;
    default:
      return (value) => `"${buffer(value as Uint8Array).toString('base64')}"`;
  }
}

function text(bytes: Buffer, texts: Texts): string {
  if (texts.latin1) return JSON.stringify(bytes.toString('latin1'));
  if (!isUtf8(bytes)) texts.bad = true;
  return JSON.stringify(bytes.toString());
}

/** A value in JSON stands as itself; what is no JSON, as the text it is. */
function embedded(bytes: Buffer, texts: Texts): string {
  const own = bytes.toString(texts.latin1 ? 'latin1' : 'utf8');
  try {
    JSON.parse(own);
  } catch {
    return text(bytes, texts);
  }
  if (!texts.latin1 && !isUtf8(bytes)) texts.bad = true;
  // Line ends can stand only between its parts.
  return own.replace(/[\r\n]/g, ' ');
}

function unscaled(value: unknown): bigint {
  if (!(value instanceof Uint8Array)) return BigInt(value as number | bigint);
  const hex = buffer(value).toString('hex');
  return hex === '' ? 0n : BigInt.asIntN(value.length * 8, BigInt(`0x${hex}`));
}

/** All digits of the scale: `12.30`. */
function decimal(whole: bigint, scale: number): string {
  if (scale <= 0) return String(whole * 10n ** BigInt(-scale));
  const digits = String(whole < 0n ? -whole : whole).padStart(scale + 1, '0');
  return `${whole < 0n ? '-' : ''}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

const DAY_MS = 86_400_000;

/** Days that no Date reaches (beyond the year 275760) are given as their number. */
function isoDate(days: number): string {
  const date = new Date(days * DAY_MS);
  return Number.isNaN(date.getTime()) ? String(days) : (date.toISOString().split('T')[0] as string);
}

function isoTime(value: bigint, unit: Unit, zone: string): string {
  const { perMs, digits } = UNITS[unit];
  const perSecond = perMs * 1000n;
  const rest = ((value % perSecond) + perSecond) % perSecond;
  const date = new Date(Number((value - rest) / perMs));
  if (Number.isNaN(date.getTime())) return String(value);
  return `${date.toISOString().slice(0, -5)}.${String(rest).padStart(digits, '0')}${zone}`;
}

function clockTime(value: bigint, unit: Unit): string {
  const { perMs, digits } = UNITS[unit];
  const perSecond = perMs * 1000n;
  const seconds = Number(value / perSecond);
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const clock = parts.map((part) => String(part).padStart(2, '0')).join(':');
  return `${clock}.${String(value % perSecond).padStart(digits, '0')}`;
}

function uuid(bytes: Buffer): string {
  const hex = bytes.toString('hex');
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20),
  ].join('-');
}

/** ISO 8601 duration of months, days and milliseconds, each a little-endian 32-bit number. */
function interval(bytes: Buffer): string {
  const [months, days, ms] = [0, 4, 8].map((at) => bytes.readUInt32LE(at)) as [
    number,
    number,
    number,
  ];
  return `P${months}M${days}DT${ms / 1000}S`;
}

/** IEEE 754 binary16. */
function half(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
