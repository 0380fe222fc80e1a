import { definePlugin, PLUGIN_API_VERSION } from '@purser/plugin-sdk';
import { DesktopConfig, DesktopNotifier } from './desktop.notifier.js';

/**
 * `notifier` on the desktop of the machine that the cost-watchdog runs on: `notify-send` on Linux, the notification centre
 * on macOS, toasts on Windows. ENABLE_DESKTOP_NOTIFICATIONS=true does it without an entry in plugins.json.
 */
export default definePlugin({
  name: 'desktop',
  apiVersion: PLUGIN_API_VERSION,
  config: DesktopConfig,
  capabilities: { notifier: (_context, config) => new DesktopNotifier(config) },
});
