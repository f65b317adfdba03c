// The dashboard and the alert rules against Grafana's types; the capitals are replaced by our files.
import type { Dashboard, GraphFieldConfig } from '@grafana/schema';
import type { Rule } from '@grafana/grafana-foundation-sdk/alerting';
import type { TypeThreshold } from '@grafana/grafana-foundation-sdk/expr';

// An enumeration of Grafana's is a string in a file, so its types are compared by value.
type Plain<T> = T extends string
  ? `${T}`
  : T extends object
    ? { [K in keyof T]: Plain<T[K]> } & (T extends { refId: string } ? Record<string, unknown> : unknown)
    : T;
// A provisioning file names organisation, group and folder once for all its rules.
type FileRule = Omit<Rule, 'orgID' | 'ruleGroup' | 'folderUID' | 'data'> & {
  uid: string;
  dashboardUid: string;
  panelId: number;
  data: (Omit<NonNullable<Rule['data']>[number], 'model'> & { model: Record<string, unknown> })[];
};
type Group = { orgId: number; name: string; folder: string; interval: string; rules: FileRule[] };

export const dashboard = DASHBOARD satisfies Plain<Dashboard>;
export const custom = CUSTOM satisfies Plain<GraphFieldConfig>[];
export const rules = RULES satisfies { apiVersion: 1; groups: Group[] };
export const thresholds = THRESHOLDS satisfies Omit<TypeThreshold, '_implementsDataqueryVariant'>[];
