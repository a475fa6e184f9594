import tseslint from "typescript-eslint";

export default tseslint.config(
  { ignores: [".make/", "dist/", "node_modules/", "src/wire/generated/", "*.js", "bin/"] },
  {
    files: ["**/*.ts"],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { project: "./tsconfig.test.json", tsconfigRootDir: import.meta.dirname } },
    rules: {
      // Offsets, sizes and codes are written into messages all the time; their text is exact.
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true, allowBoolean: true }],
      // Sentinel loops such as while (true) with an explicit way out are clearer than a flag.
      "@typescript-eslint/no-unnecessary-condition": ["error", { allowConstantLoopConditions: true }],
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      // A class with only static open() and private state is how a thing that needs I/O to exist is made.
      "@typescript-eslint/no-extraneous-class": "off",
      // Indexed reads of typed arrays and buffers are checked by the loop that does them.
      "@typescript-eslint/no-non-null-assertion": "off",
      // The log speaks in async interfaces even where one engine needs no await.
      "@typescript-eslint/require-await": "off",
    },
  },
);
