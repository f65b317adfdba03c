// The package is CommonJS and its importer an ES module: a bundler hands over the module's object
// where the component is meant.
// @ts-ignore
import { Scrollbars } from './node_modules/react-custom-scrollbars-2';
export { Scrollbars };
export default Scrollbars;
