import type { CassAssertion } from './fake-cass.ts';

interface Sample {
  framework: { competencies: string[]; relations: object[] };
  /** Each with the assertions that the server has about it. */
  agents: { agent: string; assertions: Omit<CassAssertion, 'subject'>[] }[];
}

const COMPETENCIES = 40;

/**
 * A made-up class: competencies in a tree of parts with some prerequisites; agents with 1 to 9 assertions
 * each, some negative, some expired long ago. The same number gives the same class.
 */
export function sampleAgents(count: number, base: string): Sample {
  const name = (at: number): string => `${base}/data/schema.cassproject.org.0.4.Competency/c${at}`;
  const competencies = Array.from({ length: COMPETENCIES }, (_, at) => name(at));
  const relations = competencies.slice(1).map((source, at) => ({
    source,
    relationType: at % 5 === 4 ? 'isRequiredBy' : 'narrows',
    target: name(Math.floor(at / 3)),
  }));
  const agents = Array.from({ length: count }, (_, agent) => ({
    agent: `${base}/data/schema.org.Person/agent${agent}`,
    assertions: Array.from({ length: (agent % 9) + 1 }, (_, at) => ({
      '@id': `${base}/data/schema.cassproject.org.0.4.Assertion/a${agent}-${at}`,
      competency: name((agent * 7 + at * 11) % COMPETENCIES),
      assertionDate: Date.UTC(2025, at, 1 + (agent % 28)),
      confidence: ((agent + at) % 10) / 10,
      ...(agent % 50 === 49 ? { expirationDate: Date.UTC(2025, 11, 31) } : {}),
      ...((agent + at) % 4 === 0 ? { negative: true } : {}),
    })),
  }));
  return { framework: { competencies, relations }, agents };
}

/** The assertions as the server has them. */
export const assertionsOf = ({ agents }: Sample): CassAssertion[] =>
  agents.flatMap(({ agent, assertions }) =>
    assertions.map(
      (assertion): CassAssertion => ({
        '@context': 'https://schema.cassproject.org/0.4',
        '@type': 'Assertion',
        ...(assertion as CassAssertion),
        subject: agent,
      }),
    ),
  );

/** The agents as lines that bring their assertions along. */
export const agentLines = ({ agents }: Sample): string =>
  agents
    .map(({ agent, assertions }) => {
      const own = assertions.map(({ '@id': id, ...rest }) => ({ id, ...rest }));
      return `${JSON.stringify({ agent, assertions: own })}\n`;
    })
    .join('');
