/** Flags, environment and file become one frozen `Config`. */
export { defaultLimits, loadConfig, unknownVariables, type Config, type ConfigFlags, type Limits } from "./config.js";
export {
  clientVariables,
  configVariable,
  settingNames,
  settings,
  variableOf,
  type Setting,
  type SettingName,
} from "./settings.js";
