// Draws the panels of the dashboard file from what the service answered, with Grafana's own
// components; what it saw is left in the page as JSON for the test to read.
import {
  applyFieldOverrides,
  createTheme,
  dateTime,
  FieldType,
  getDisplayProcessor,
  identityOverrideProcessor,
  PanelPlugin,
  standardFieldConfigEditorRegistry,
  ThemeContext,
  toDataFrame,
  type DataFrame,
  type TimeRange,
} from '@grafana/data';
import { BigValue, GlobalStyles, Table, TimeSeries } from '@grafana/ui';
import * as React from 'react';
import { createRoot } from 'react-dom/client';

type Answers = Record<string, Record<string, Record<string, unknown>[]>>;
declare global {
  interface Window {
    DASHBOARD: any;
    ANSWERS: Answers;
    RANGE: [string, string];
  }
}

const theme = createTheme({ colors: { mode: 'light' } });
const STANDARD = [
  'displayName', 'unit', 'decimals', 'min', 'max', 'color', 'thresholds', 'mappings', 'links',
];
const CUSTOM = [
  'drawStyle', 'lineInterpolation', 'lineWidth', 'lineStyle', 'fillOpacity', 'fillBelowTo',
  'gradientMode', 'showPoints', 'pointSize', 'spanNulls', 'hideFrom', 'stacking', 'axisPlacement',
  'axisLabel', 'scaleDistribution', 'thresholdsStyle', 'align', 'cellOptions', 'inspect', 'minWidth', 'width',
];

function item(id: string): any {
  return {
    id, path: id, name: id, editor: () => null, override: () => null,
    process: identityOverrideProcessor, shouldApply: () => true,
  };
}

standardFieldConfigEditorRegistry.setInit(() => STANDARD.map(item));
const plugin = new PanelPlugin(() => null).useFieldConfig({
  useCustomConfig: (builder: any) => CUSTOM.forEach((id) => builder.addCustomEditor(item(id))),
});

// As the data source does: declared columns, in their order, with their types.
function frame(panel: any): DataFrame {
  const target = panel.targets[0];
  const rows = window.ANSWERS[panel.id][target.refId];
  const types: Record<string, FieldType> = {
    timestamp: FieldType.time, number: FieldType.number, string: FieldType.string,
  };
  const fields = target.columns.map((column: any) => ({
    name: column.text,
    type: types[column.type],
    config: {},
    values: rows.map((row) => {
      const value = row[column.selector] as any;
      return column.type === 'timestamp' ? Date.parse(value) : value;
    }),
  }));
  const [ready] = applyFieldOverrides({
    data: [toDataFrame({ refId: target.refId, fields })],
    fieldConfig: panel.fieldConfig,
    fieldConfigRegistry: plugin.fieldConfigRegistry,
    replaceVariables: (text: string) => text,
    theme,
    timeZone: 'utc',
  });
  return ready;
}

function Panel({ panel, width, height, range }: any) {
  if (panel.type === 'alertlist') {
    return null; // it asks the alerting of a running Grafana
  }
  const data = frame(panel);
  if (panel.type === 'timeseries') {
    return (
      <TimeSeries
        frames={[data]} timeRange={range} timeZone="utc" width={width} height={height}
        structureRev={1} legend={panel.options.legend} options={panel.options}
      />
    );
  }
  if (panel.type === 'table') {
    return <Table data={data} width={width} height={height} />;
  }
  return (
    <div style={{ display: 'flex' }}>
      {data.fields.map((field) => {
        const display = field.display ?? getDisplayProcessor({ field, theme, timeZone: 'utc' });
        const value = { ...display(field.values[0]), title: field.config.displayName ?? field.name };
        return (
          <BigValue
            key={field.name} value={value} theme={theme} width={width / data.fields.length}
            height={height} {...panel.options}
          />
        );
      })}
    </div>
  );
}

function Page() {
  const [from, to] = window.RANGE.map((text) => dateTime(text));
  const range: TimeRange = { from, to, raw: { from, to } };
  const cell = 50;
  return (
    <ThemeContext.Provider value={theme}>
      <GlobalStyles />
      {window.DASHBOARD.panels.map((panel: any) => {
        const { x, y, w, h } = panel.gridPos;
        const [width, height] = [w * cell - 20, h * 32 - 44];
        return (
          <section
            key={panel.id} data-panel={panel.id}
            style={{ position: 'absolute', left: x * cell + 10, top: y * 32 + 10, width, height: height + 30 }}
          >
            <h6 style={{ margin: 0, font: '500 14px sans-serif' }}>{panel.title}</h6>
            <Panel panel={panel} width={width} height={height} range={range} />
          </section>
        );
      })}
    </ThemeContext.Provider>
  );
}

// Colours that a canvas shows, each with the number of its pixels.
function colours(canvas: HTMLCanvasElement): Record<string, number> {
  const context = canvas.getContext('2d')!;
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  const found: Record<string, number> = {};
  for (let at = 0; at < data.length; at += 4) {
    if (data[at + 3] > 0) {
      const name = Array.from(data.slice(at, at + 4)).join(',');
      found[name] = (found[name] ?? 0) + 1;
    }
  }
  const entries = Object.entries(found).sort((a, b) => b[1] - a[1]);
  return Object.fromEntries(entries.slice(0, 12));
}

function report() {
  const panels: Record<string, unknown> = { errors };
  document.querySelectorAll<HTMLElement>('section').forEach((section) => {
    const canvas = section.querySelector('canvas');
    panels[section.dataset.panel!] = {
      text: section.innerText,
      colours: canvas ? colours(canvas) : null,
    };
  });
  const out = document.createElement('pre');
  out.id = 'report';
  out.hidden = true;
  out.textContent = JSON.stringify(panels);
  document.body.appendChild(out);
}

// A chart draws in its own time after it is rendered, so look until every one has.
function reportOnceDrawn() {
  const charts = window.DASHBOARD.panels.filter((panel: any) => panel.type === 'timeseries');
  const drawn = charts.every((panel: any) => {
    const canvas = document.querySelector<HTMLCanvasElement>(`[data-panel="${panel.id}"] canvas`);
    return canvas && Object.keys(colours(canvas)).length > 0;
  });
  if (drawn || errors.length > 0) {
    report();
  } else {
    setTimeout(reportOnceDrawn, 100);
  }
}

const errors: string[] = [];
window.addEventListener('error', (event) => errors.push(String(event.message)));
createRoot(document.getElementById('root')!).render(<Page />);
reportOnceDrawn();
