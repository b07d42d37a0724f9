export { fitName, isPartName, partPathOf } from '@waybill/domain/naming';
