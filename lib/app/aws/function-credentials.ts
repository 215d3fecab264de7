/**
 * Stands in for `@aws-sdk/credential-provider-node` in the functions' bundles. Lambda gives a function its role's
 * credentials in these variables (docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html, reserved variables);
 * the SDK's chain of profiles, single sign-on and instance metadata is 112 KB of code that no function ever asks (measured).
 */
export const defaultProvider = () => async () => {
  const {
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_SESSION_TOKEN: sessionToken,
  } = process.env;
  if (accessKeyId === undefined || secretAccessKey === undefined) {
    throw new Error(
      'AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set: Lambda sets them in every function.',
    );
  }
  return { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) };
};
