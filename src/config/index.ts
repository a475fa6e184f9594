/** Flags, environment and file become one frozen `Config`. */
export { loadConfig, unknownVariables, type Config, type ConfigFlags } from "./config.js";
export {
  clientVariables,
  configVariable,
  settingNames,
  settings,
  variableOf,
  type Setting,
  type SettingName,
} from "./settings.js";
export { whyUnreadable } from "./unreadable.js";
