#ifdef __cplusplus
extern "C"
#endif
int part(void);
