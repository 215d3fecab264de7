import type { GroupStep } from '../../index.ts';
import { type TableSinkOptions, tableSink } from '../../sinks/table-sink.ts';
import type { Company } from './company.ts';

/** What a row of the input became: the outcome's value, and a row of the sink. */
export interface CompanyResult extends Company {
  /** Rows with the same normalised texts have it in common; only where the batch checks texts. */
  textKey?: string;
}

/**
 * The table of results, one row a company.
 *
 * @example
 * tableSink({ ...companyTable, url: (ctx) => ctx.secret('DATABASE_URL') })
 */
export const companyTable = {
  table: 'companies',
  columns: {
    siren: 'text',
    name: 'text',
    acronym: 'text',
    legal_form: 'text',
    activity: 'text',
    activity_of: 'text',
    activity_2025: 'text',
    created_on: 'text',
    state: 'text',
    category: 'text',
    staff: 'text',
    partial: 'boolean',
    siret: 'text',
    head_office: 'text',
    sign: 'text',
    street: 'text',
    extra: 'text',
    postcode: 'text',
    city: 'text',
    city_code: 'text',
    country: 'text',
    text_key: 'text',
  },
  row: ({ headOffice, ...unit }: CompanyResult) => ({
    siren: unit.siren,
    name: unit.name,
    acronym: unit.acronym,
    legal_form: unit.legalForm,
    activity: unit.activity,
    activity_of: unit.activityOf,
    activity_2025: unit.activity2025,
    created_on: unit.createdOn,
    state: unit.state,
    category: unit.category,
    staff: unit.staff,
    partial: unit.partial,
    siret: headOffice?.siret,
    head_office: headOffice?.state,
    sign: headOffice?.sign,
    street: headOffice?.street,
    extra: headOffice?.extra,
    postcode: headOffice?.postcode,
    city: headOffice?.city,
    city_code: headOffice?.cityCode,
    country: headOffice?.country,
    text_key: unit.textKey,
  }),
} satisfies Omit<TableSinkOptions<CompanyResult>, 'url'>;

/** Writes to the batch's option `sink`, where it has one, in transactions of `group` rows. */
export function sinkOfOptions(): GroupStep<CompanyResult, CompanyResult> {
  const sink = tableSink<CompanyResult>({
    ...companyTable,
    url: ({ options }) => options['sink'] as string,
  });
  return {
    ...sink,
    size: (options) => (options['sink'] === undefined ? 0 : (options['group'] as number)),
  };
}
