// The four ends of a VM test need no machine of ours: these are the bundle's, for their rows in results.md.
import '../bundle/vm-test.test';
