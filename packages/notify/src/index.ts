export { composeMail, type Told } from './compose-mail.js';
export { createMailer, type Mail, type Mailer, type MailSettings } from './mail.js';
export { NotifyError } from './notify-error.js';
export { sendWebhook, signatureHeaders, type WebhookMessage } from './webhook.js';
