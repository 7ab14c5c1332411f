/* On processors that are not Intel's, MKL (in PyTorch's x86 builds) multiplies matrices by AVX2 even where AVX-512 is there.
   Loaded before PyTorch, these two answers make it take the faster path. See MKL_ON_AMD.md beside this file for what that gives.
   Only for processors that have AVX-512: elsewhere the process would end with an illegal instruction. */

int mkl_serv_intel_cpu(void) { return 1; }
int mkl_serv_intel_cpu_true(void) { return 1; }
