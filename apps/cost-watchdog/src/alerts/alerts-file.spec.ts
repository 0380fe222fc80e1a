import { AlertsFile, parseAlertsFile, settingsOf } from './alerts-file.js';

const parse = (text: string) => parseAlertsFile(text, 'alerts.json');

it('has a default for everything', () => {
  expect(parse('{}')).toEqual({
    timezone: 'UTC',
    cooldownMinutes: 60,
    groupSeconds: 5,
    dailyReport: { at: '08:00' },
    channels: {},
  });
});

it('takes quiet hours, no report, and settings of channels', () => {
  const file = parse(
    '{"timezone": "Europe/Berlin", "quietHours": {"from": "22:00", "to": "07:00"}, "dailyReport": false, "channels": {"pager": {"minSeverity": "critical"}}}',
  );
  expect(file).toMatchObject({ dailyReport: false, quietHours: { from: '22:00' } });
  expect(settingsOf(file, 'pager')).toEqual({ minSeverity: 'critical', dailyReport: true, quietHours: true });
  expect(settingsOf(file, 'constructor')).toEqual(settingsOf(AlertsFile.parse({}), 'smtp'));
});

it.each([
  ['{', 'alerts.json is not JSON'],
  ['{"timezone": "Berlin"}', 'alerts.json: timezone: an IANA time zone'],
  ['{"quietHours": {"from": "22", "to": "07:00"}}', 'alerts.json: quietHours.from: a time of day such as "08:00"'],
  ['{"channels": {"mail": {"minSeverity": "loud"}}}', 'alerts.json: channels.mail.minSeverity'],
  ['{"quiet": {}}', 'Unrecognized key: "quiet"'],
])('refuses %s', (text, message) => {
  expect(() => parse(text)).toThrow(message);
});
