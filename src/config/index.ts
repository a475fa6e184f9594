/** Flags, environment and file become one frozen `Config`. */
export { defaultLimits, loadConfig, type Config, type ConfigFlags, type Limits } from "./config.js";
export {
  clientVariables,
  configVariable,
  settingNames,
  settings,
  unknownVariables,
  variableOf,
  type Setting,
  type SettingName,
} from "./settings.js";
